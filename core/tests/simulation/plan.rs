//! What a world is like and what happens in it, by its seed.

use std::collections::BTreeMap;

use forebay_core::client::Input;

use crate::events::Summary;
use crate::page::Settings;
use crate::random::Random;
use crate::server::{Faults, Server};
use crate::world::{Happening, Trouble, World};

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let mut server = Server::new();
        // Half of the worlds are spared any one trouble.
        let often = |random: &mut Random, most: u64| {
            if random.percent(50) {
                random.between(0, most)
            } else {
                0
            }
        };
        let trouble = Trouble {
            lost_requests: often(&mut random, 40),
            lost_replies: often(&mut random, 40),
            silence: often(&mut random, 5),
            slow: often(&mut random, 10),
            store_failures: often(&mut random, 30),
            early_ticks: often(&mut random, 20),
        };
        server.faults = Faults {
            status: often(&mut random, 60),
            item: often(&mut random, 40),
            garbled: often(&mut random, 20),
            revocation: often(&mut random, 10),
            only: None,
            max_events: random.percent(20).then(|| random.between(1, 20) as usize),
        };
        server.shows_date = random.percent(85);
        server.credential_lifetime_ms = random.pick(&[20_000, 120_000, 3_600_000]);
        let skew = if server.shows_date {
            random.pick(&[
                0,
                0,
                0,
                45_000,
                600_000,
                -600_000,
                86_400_000,
                -3 * 365 * 86_400_000,
            ])
        } else {
            random.pick(&[0, 30_000, -200_000])
        };
        let mut world = World {
            now: random.between(0, 10_000),
            settings: Settings {
                flush_interval_ms: random.pick(&[1_000, 5_000, 5_000, 20_000]),
                flush_size: random.pick(&[1, 5, 20, 100, 100]),
                buffer_size: random.pick(&[10, 60, 5_000, 10_000, 10_000]),
            },
            more_attributes: if random.percent(5) { 30 } else { 0 },
            random,
            agenda: BTreeMap::new(),
            appointments: 0,
            server,
            trouble,
            network: true,
            lock_is_free: true,
            skew,
            skew_was_constant: true,
            largest_skew: skew.abs(),
            storage: Vec::new(),
            saved_identity: None,
            lives: 0,
            page: None,
            events: BTreeMap::new(),
            summary: Summary::default(),
        };
        world.plan();
        world
    }

    /// Fills the agenda: a few minutes of trouble, and then calm.
    fn plan(&mut self) {
        let length = self.random.between(20_000, 400_000);
        let any_time = |random: &mut Random| random.between(0, length);
        self.at(0, Happening::Open);
        for _ in 0..self.random.between(0, 8) {
            let burst = any_time(&mut self.random);
            let most = if self.random.percent(1) { 600 } else { 20 };
            for _ in 0..self.random.between(1, most) {
                let pause = self.random.pick(&[0, 1, 500, 5_000]);
                let after = burst + self.random.between(0, 2 + pause);
                self.at(after, Happening::Record);
            }
        }
        for _ in 0..self.random.between(0, 3) {
            let crash = any_time(&mut self.random);
            let open = crash + self.random.between(1, 30_000);
            self.at(crash, Happening::Crash);
            self.at(open, Happening::Open);
        }
        for _ in 0..self.random.between(0, 3) {
            let start = any_time(&mut self.random);
            let end = start + self.random.between(1, 90_000);
            self.at(start, Happening::Offline);
            self.at(end, Happening::Online);
        }
        for _ in 0..self.random.between(0, 3) {
            let start = any_time(&mut self.random);
            let end = start + self.random.between(1, 60_000);
            self.at(start, Happening::LockTaken);
            self.at(end, Happening::LockFree);
        }
        if self.random.percent(20) {
            let start = any_time(&mut self.random);
            let end = start + self.random.between(1, 200_000);
            let status = self.random.pick(&[403, 403, 404, 500, 503]);
            self.at(start, Happening::Outage(Some(status)));
            self.at(end, Happening::Outage(None));
        }
        for _ in 0..self.random.between(0, 6) {
            let time = any_time(&mut self.random);
            let input = match self.random.between(0, 4) {
                0 => Input::Flush,
                1 => Input::UpdateEndpoint(format!(r#"{{"User":{{"UserId":"u{time}"}}}}"#)),
                2 => Input::Tick,
                _ => Input::PageHidden,
            };
            self.at(time, Happening::Tell(input));
        }
        if self.server.shows_date && self.random.percent(20) {
            for _ in 0..self.random.between(1, 4) {
                let time = any_time(&mut self.random);
                let to = self
                    .random
                    .pick(&[0, 400_000, -7_200_000, 400 * 86_400_000]);
                self.at(time, Happening::Jump(to));
            }
        }
        self.at(length, Happening::Calm);
        self.at(length + 1, Happening::Open);
    }
}
