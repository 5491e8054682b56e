//! What a world is like and what happens in it, by its seed.

use forebay_core::outbox::Config;

use crate::random::Random;
use crate::server::{Faults, Server};
use crate::world::{Doing, Happening, Trouble, World};

const DAY_MS: i64 = 86_400_000;
/// How old an event from an earlier visit may be.
pub(crate) const MAX_AGE_MS: i64 = 30 * DAY_MS;

/// Half of the worlds are spared any one trouble.
fn often(random: &mut Random, most: u64) -> u64 {
    if random.percent(50) {
        random.between(0, most)
    } else {
        0
    }
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let trouble = Trouble {
            lost_requests: often(&mut random, 40),
            lost_replies: often(&mut random, 40),
            silence: often(&mut random, 5),
            slow: often(&mut random, 10),
            store_failures: often(&mut random, 30),
            early_ticks: often(&mut random, 20),
            pool: often(&mut random, 40),
        };
        let shows_date = random.percent(85);
        let server = Server::new(faults(&mut random), shows_date);
        let skew = if shows_date {
            random.pick(&[
                0,
                0,
                0,
                45_000,
                600_000,
                -600_000,
                DAY_MS,
                -3 * 365 * DAY_MS,
            ])
        } else {
            random.pick(&[0, 30_000, -200_000])
        };
        let config = config(&mut random);
        let identities = random.pick(&[1, 1, 2, 3, 70]);
        let lifetime = random.pick(&[20_000, 120_000, 3_600_000]);
        // Who leads without room for an identity would leave other tabs' events to a later page.
        let has_locks = random.percent(85) && identities <= 64;
        let large = random.percent(5);
        let mut world = World::empty(random, server, trouble, config);
        world.identities = identities;
        world.credential_lifetime_ms = lifetime;
        world.has_locks = has_locks;
        world.has_large_events = large;
        world.skew = skew;
        world.largest_skew = skew.abs();
        world.plan();
        world
    }

    /// Fills the agenda: a few minutes of trouble, and then calm.
    fn plan(&mut self) {
        let length = self.random.between(20_000, 400_000);
        for _ in 0..self.random.pick(&[1, 1, 2, 3]) {
            self.at(0, Happening::Open);
        }
        for _ in 0..self.random.between(1, 12) {
            let burst = self.random.between(0, length);
            let most = self.random.pick(&[3, 20, 20, 150]);
            let pause = self.random.pick(&[1, 2, 500, 5_000]);
            for _ in 0..self.random.between(1, most) {
                let after = burst + self.random.between(0, pause);
                self.at(after, Happening::Do(Doing::Record));
            }
        }
        self.spells(length, 3, 30_000, |_| {
            (Happening::Do(Doing::Crash), Happening::Open)
        });
        self.spells(length, 2, 20_000, |_| {
            (Happening::Do(Doing::Close), Happening::Open)
        });
        if self.random.percent(30) {
            for _ in 0..self.random.between(1, 4) {
                let time = self.random.between(0, length);
                self.at(time, Happening::Do(Doing::Trap));
            }
        }
        self.spells(length, 3, 90_000, |_| {
            (Happening::Network(false), Happening::Network(true))
        });
        if self.random.percent(20) {
            self.spells(length, 2, 200_000, |random| {
                let status = random.pick(&[400, 403, 403, 404, 413, 500, 503]);
                // An endpoint that refuses whatever it gets rejects events, as it may.
                let is_own = !matches!(status, 400 | 413) && random.percent(50);
                let only = Some((status, is_own));
                (Happening::Outage(only), Happening::Outage(None))
            });
        }
        for _ in 0..self.random.between(0, 10) {
            let doing = match self.random.between(0, 6) {
                0 => Doing::Flush,
                1 | 5 => Doing::Describe,
                2 => Doing::SignIn,
                3 => Doing::LoseLock,
                _ => Doing::Hide,
            };
            let time = self.random.between(0, length);
            self.at(time, Happening::Do(doing));
        }
        if self.random.percent(20) {
            let time = self.random.between(0, length);
            let asleep = self.random.between(1, 4_000_000);
            self.at(time, Happening::Sleep(asleep));
        }
        if self.server.shows_date && self.random.percent(20) {
            for _ in 0..self.random.between(1, 4) {
                let time = self.random.between(0, length);
                let to = self.random.pick(&[0, 400_000, -7_200_000, 400 * DAY_MS]);
                self.at(time, Happening::Jump(to));
            }
        }
        self.at(length, Happening::Calm);
        self.at(length + 1, Happening::Open);
    }

    /// Up to so many spells of trouble: how each begins, and how it ends.
    fn spells(
        &mut self,
        length: u64,
        count: u64,
        longest: u64,
        spell: impl Fn(&mut Random) -> (Happening, Happening),
    ) {
        for _ in 0..self.random.between(0, count + 1) {
            let start = self.random.between(0, length);
            let end = start + self.random.between(1, longest);
            let (begins, ends) = spell(&mut self.random);
            self.at(start, begins);
            self.at(end, ends);
        }
    }
}

fn faults(random: &mut Random) -> Faults {
    Faults {
        status: often(random, 60),
        item: often(random, 40),
        foreign: often(random, 30),
        proxy_events: random.percent(20).then(|| random.between(1, 20) as usize),
        bad_descriptions: random.percent(50).then(|| random.between(1, 4) as u32),
        garbled: often(random, 20),
        revocation: often(random, 10),
        only: None,
        max_events: random.percent(20).then(|| random.between(1, 20) as usize),
        forbidden: random.percent(10).then(|| random.between(0, 3) as u32),
    }
}

fn config(random: &mut Random) -> Config {
    Config {
        batch_events: random.pick(&[1, 5, 20, 100, 100]),
        batch_bytes: random.pick(&[2_000, 100_000, 500_000, 500_000]),
        queue_events: random.pick(&[10, 60, 5_000, 5_000, 10_000, 10_000, 10_000, 10_000]),
        queue_bytes: random.pick(&[9_000, 5_000_000, 5_000_000, 5_000_000, 5_000_000, 5_000_000]),
        resident_events: random.pick(&[2, 20, 2_000]),
        max_age_ms: MAX_AGE_MS as f64,
        interval_ms: random.pick(&[1_000.0, 5_000.0, 5_000.0, 20_000.0]),
        drop_newest: random.percent(20),
        clock_offset: 0.0,
    }
}
