//! What waits on disk alone, and how it comes back.

use super::*;

const RESIDENT: usize = 20;
const CONFIG: Config = Config {
    resident_events: RESIDENT,
    ..super::CONFIG
};
const SIGNED_IN: u32 = 1;
/// Numbers of events that were read, the first.
const READ: u32 = 1_000_000;

/// A page that leads and has read its disk, which is the test: events by the numbers they have there.
struct Shell {
    page: Page,
    /// What waits on disk alone, the oldest first.
    disk: Vec<NewEvent>,
    /// The page's numbers for what it has read, and those on disk.
    read: Vec<(u32, u32)>,
}

impl Shell {
    fn new(config: Config) -> Shell {
        let mut page = Page::new(config);
        page.load([]);
        Shell {
            page,
            disk: Vec::new(),
            read: Vec::new(),
        }
    }

    /// So many events are recorded, and then get to disk. Gives those that wait there alone.
    fn store(&mut self, who: u32, count: u32) -> Vec<u32> {
        let first = self.page.next;
        for _ in 0..count {
            self.page.record_as(who, false);
        }
        self.page.turn();
        let evicted = (first..self.page.next).filter(|event| self.page.outbox.evict(*event));
        let evicted: Vec<u32> = evicted.collect();
        self.page.turn();
        let rows = evicted.iter().map(|number| NewEvent {
            who,
            ..event(*number)
        });
        self.disk.extend(rows);
        evicted
    }

    /// Reads the disk if the outbox asks for that. Gives whether it did.
    fn read(&mut self) -> bool {
        let [whose] = self.page.take(Action::Load)[..] else {
            return false;
        };
        let mut left = Vec::new();
        let mut is_enough = false;
        for row in self.disk.drain(..) {
            let number = READ + self.read.len() as u32;
            let new = NewEvent {
                event: number,
                ..row
            };
            if !is_enough && self.page.outbox.load(new) {
                self.read.push((number, row.event));
            } else {
                is_enough |= row.who == whose;
                left.push(row);
            }
        }
        self.disk = left;
        self.page.outbox.loaded();
        self.page.turn();
        true
    }

    /// The endpoint takes what is sent, until nothing is. Gives how many events it took.
    fn deliver(&mut self) -> u32 {
        let before = self.page.ended(Action::Delivered);
        loop {
            let batches = self.page.batches();
            for (request, _) in &batches {
                self.page.accept(*request);
            }
            if !self.read() && batches.is_empty() && self.page.wait().is_none() {
                return self.page.ended(Action::Delivered) - before;
            }
            if batches.is_empty() {
                self.page.wait_for_action();
            }
            self.page.take(Action::Delivered);
        }
    }

    /// The number that an event has on disk, which is that under which it was recorded.
    fn recorded_as(&self, number: u32) -> u32 {
        let mut read = self.read.iter();
        let read = read.find(|(now, _)| *now == number);
        read.map_or(number, |(_, before)| *before)
    }

    fn sign_in(&mut self, who: u32) {
        let now = self.page.now;
        self.page.outbox.got_credentials(who, HOUR_MS, now);
        self.page.turn();
    }
}

#[test]
fn where_enough_wait_in_memory_others_wait_on_disk_alone() {
    let mut shell = Shell::new(CONFIG);
    assert_eq!(shell.store(GUEST, 20), [0; 0]);
    assert_eq!(shell.store(GUEST, 1), [20]);
    assert_eq!(shell.store(GUEST, 2), [21, 22]);
    assert_eq!(shell.page.queued(), 23, "it is in the books");
    assert_eq!(shell.page.take(Action::Load), [0; 0]);
}

#[test]
fn of_a_burst_the_oldest_stay_in_memory() {
    let mut shell = Shell::new(CONFIG);
    assert_eq!(shell.store(GUEST, 25), [20, 21, 22, 23, 24]);
    assert_eq!(shell.store(GUEST, 2), [25, 26]);
    assert_eq!(shell.store(SIGNED_IN, 22), [47, 48], "by identity");
}

#[test]
fn of_a_burst_after_others_have_left_the_oldest_stay_in_memory() {
    let mut shell = Shell::new(CONFIG);
    shell.sign_in(GUEST);
    shell.store(GUEST, 15);
    assert_eq!(shell.deliver(), 15);
    assert_eq!(shell.store(SIGNED_IN, 25).len(), 5);
}

#[test]
fn it_comes_back_in_order_as_the_queue_drains() {
    let mut shell = Shell::new(CONFIG);
    shell.store(GUEST, RESIDENT as u32);
    shell.store(GUEST, 980);
    assert_eq!(shell.disk.len(), 980);
    shell.sign_in(GUEST);
    let mut most = 0;
    let mut sent = Vec::new();
    while shell.page.queued() > 0 {
        most = most.max(shell.page.queued() as usize - shell.disk.len());
        for (request, events) in shell.page.batches() {
            sent.extend(events);
            shell.page.accept(request);
        }
        shell.page.take(Action::Delivered);
        shell.read();
    }
    assert_eq!(shell.page.ended(Action::Delivered), 1_000);
    let in_memory = RESIDENT + MAX_IN_FLIGHT * CONFIG.batch_events;
    assert!(most <= in_memory, "{most} in memory");
    let sent = sent.iter().map(|number| shell.recorded_as(*number));
    let sent: Vec<u32> = sent.collect();
    assert!(sent.is_sorted(), "{sent:?}");
}

#[test]
fn what_an_earlier_visit_left_is_counted_whole_and_read_by_pages() {
    let mut page = Page::new(CONFIG);
    page.outbox.set_leader(false);
    let taken = (0..300).filter(|number| page.outbox.load(event(*number)));
    assert_eq!(taken.count(), RESIDENT);
    page.outbox.loaded();
    page.leader(true);
    assert_eq!(page.queued(), 300);
    let mut shell = Shell {
        page,
        disk: (20..300).map(event).collect(),
        read: Vec::new(),
    };
    shell.sign_in(GUEST);
    assert_eq!(shell.deliver(), 300);
    assert_eq!(shell.page.outbox.books().recorded, 300);
}

#[test]
fn nothing_waits_on_disk_alone_before_it_has_been_read() {
    let mut shell = Shell::new(CONFIG);
    shell.page = Page::new(CONFIG);
    assert_eq!(shell.store(GUEST, 30), [0; 0]);
}

#[test]
fn what_is_under_way_stays_in_memory() {
    let mut shell = Shell::new(Config {
        batch_events: 30,
        ..CONFIG
    });
    shell.sign_in(GUEST);
    assert_eq!(shell.store(GUEST, 30), [0; 0]);
}

#[test]
fn the_caps_hold_for_both_and_the_oldest_are_dropped_first() {
    let mut shell = Shell::new(Config {
        queue_events: 100,
        ..CONFIG
    });
    shell.store(GUEST, 20);
    shell.store(GUEST, 80);
    let mut dropped = Vec::new();
    for _ in 0..12 {
        shell.store(GUEST, 10);
        let more = shell.page.take(Action::DroppedTooMany);
        dropped.extend(more.iter().map(|number| shell.recorded_as(*number)));
        assert_eq!(shell.page.queued(), 100);
        shell.read();
    }
    assert_eq!(dropped, (0..120).collect::<Vec<_>>());

    let mut shell = Shell::new(Config {
        queue_bytes: 5_000,
        ..CONFIG
    });
    shell.store(GUEST, 20);
    shell.store(GUEST, 30);
    shell.store(GUEST, 1);
    assert_eq!(shell.page.take(Action::DroppedTooLarge), [0]);
}

#[test]
fn who_cannot_send_holds_up_no_other() {
    let mut shell = Shell::new(CONFIG);
    shell.store(SIGNED_IN, 100);
    assert_eq!(shell.store(GUEST, 100).len(), 80);
    shell.sign_in(GUEST);
    assert_eq!(shell.deliver(), 100);
    assert_eq!(shell.page.queued(), 100);
    assert!(!shell.read(), "what cannot be sent is not asked for");
    shell.sign_in(SIGNED_IN);
    assert_eq!(shell.deliver(), 100);
}

#[test]
fn what_is_not_on_disk_any_more_is_lost_and_counted() {
    let mut shell = Shell::new(CONFIG);
    shell.store(GUEST, 100);
    shell.disk.truncate(30);
    shell.sign_in(GUEST);
    assert_eq!(shell.deliver(), 50);
    assert_eq!(shell.page.ended(Action::DroppedLost), 50);
    assert_eq!(shell.page.queued(), 0);
}

#[test]
fn a_disk_is_read_once_at_a_time() {
    let mut shell = Shell::new(CONFIG);
    shell.store(GUEST, 100);
    shell.sign_in(GUEST);
    shell.page.turn();
    assert_eq!(shell.page.take(Action::Load), [GUEST]);
    shell.page.flush();
    assert_eq!(shell.page.take(Action::Load), [0; 0]);
}

#[test]
fn what_is_forgotten_while_the_disk_is_read_is_not_lost_later() {
    let mut shell = Shell::new(CONFIG);
    shell.store(GUEST, 100);
    shell.sign_in(GUEST);
    shell.page.turn();
    assert_eq!(shell.page.take(Action::Load), [GUEST]);
    shell.page.outbox.start(CONFIG, 1);
    shell.page.leader(true);
    shell.page.outbox.loaded();
    shell.page.turn();
    assert_eq!(shell.page.ended(Action::DroppedLost), 0);
    assert_eq!(shell.store(GUEST, RESIDENT as u32 + 1).len(), 1);
    assert_eq!(shell.page.queued(), 21);
}

#[test]
fn a_hundred_thousand_recorded_at_once_leave_memory() {
    const EVENTS: u32 = 100_000;
    let mut shell = Shell::new(Config {
        queue_events: EVENTS as usize,
        queue_bytes: usize::MAX,
        ..CONFIG
    });
    assert_eq!(shell.store(GUEST, EVENTS).len(), EVENTS as usize - RESIDENT);
    assert_eq!(shell.page.queued(), EVENTS);
    shell.sign_in(GUEST);
    shell.page.turn();
    assert!(shell.read());
}
