//! What changes between two versions of a schema, and whom it harms.

mod events;
mod fields;
mod values;

use forebay_core::schema::Schema;
use serde::Serialize;

/// How much care a change needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Everything goes on as it did.
    Safe,
    /// Nothing fails, but something may not mean what it did.
    Risky,
    /// Something fails that did not.
    Breaking,
}

/// Every difference between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// The worst class there is among the changes; safe where there are none.
    pub class: Class,
    /// In the order of the new version; what is no longer there comes last.
    pub changes: Vec<Change>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// JSON pointer to what changed: into the new version, or into the old one where it is gone.
    pub path: String,
    /// What changed.
    pub change: String,
    /// For apps that go on sending events of the old version to an edge with the new one, and for
    /// code written against the types of the old version.
    pub producers: Class,
    /// For readers of the stream, written for the old version.
    pub consumers: Class,
    /// For tables and files there are, and queries of them.
    pub lake: Class,
    /// What to do.
    pub advice: String,
}

impl Change {
    /// The worst of its classes.
    pub fn class(&self) -> Class {
        self.producers.max(self.consumers).max(self.lake)
    }
}

/// Compares a schema with the version that is to replace it.
pub fn compare(old: &Schema, new: &Schema) -> Comparison {
    let mut report = Report::default();
    events::compare_all(old, new, &mut report);
    compare_versions(old, new, &mut report);
    let classes = report.changes.iter().map(Change::class);
    Comparison {
        class: classes.max().unwrap_or(Class::Safe),
        changes: report.changes,
    }
}

fn compare_versions(old: &Schema, new: &Schema, report: &mut Report) {
    let changed = report.decides;
    let (effect, change, advice) = if new.version < old.version {
        (
            BREAKING.to_consumers().and(BREAKING.to_lake()),
            format!("x-version is {} after {}", new.version, old.version),
            "Raise it above every version there was: schema_version must tell the versions apart.",
        )
    } else if new.version > old.version {
        (
            SAFE,
            format!("x-version is {} after {}", new.version, old.version),
            "",
        )
    } else if changed {
        (
            RISKY.to_consumers().and(RISKY.to_lake()),
            format!("x-version is still {}", new.version),
            "Raise it: by schema_version, rows and records of the two versions are told apart.",
        )
    } else {
        return;
    };
    report.add("/x-version", effect, change, advice);
}

/// Whom a change touches, and how.
#[derive(Debug, Clone, Copy)]
struct Effect {
    producers: Class,
    consumers: Class,
    lake: Class,
}

const SAFE: Effect = all(Class::Safe);
const RISKY: Effect = all(Class::Risky);
const BREAKING: Effect = all(Class::Breaking);

const fn all(class: Class) -> Effect {
    Effect {
        producers: class,
        consumers: class,
        lake: class,
    }
}

impl Effect {
    fn to_producers(self) -> Effect {
        Effect {
            producers: self.producers,
            ..SAFE
        }
    }

    fn to_consumers(self) -> Effect {
        Effect {
            consumers: self.consumers,
            ..SAFE
        }
    }

    fn to_lake(self) -> Effect {
        Effect {
            lake: self.lake,
            ..SAFE
        }
    }

    /// Both effects.
    fn and(self, other: Effect) -> Effect {
        Effect {
            producers: self.producers.max(other.producers),
            consumers: self.consumers.max(other.consumers),
            lake: self.lake.max(other.lake),
        }
    }
}

/// Collects the changes.
#[derive(Default)]
struct Report {
    changes: Vec<Change>,
    /// Whether any of them is of more than words for readers.
    decides: bool,
}

impl Report {
    fn add(&mut self, path: &str, effect: Effect, change: String, advice: &str) {
        self.decides = true;
        self.add_words(path, change, advice);
        if let Some(change) = self.changes.last_mut() {
            change.producers = effect.producers;
            change.consumers = effect.consumers;
            change.lake = effect.lake;
        }
    }

    /// A change of what the schema says to readers alone.
    fn add_words(&mut self, path: &str, change: String, advice: &str) {
        self.changes.push(Change {
            path: path.to_owned(),
            change,
            producers: Class::Safe,
            consumers: Class::Safe,
            lake: Class::Safe,
            advice: advice.to_owned(),
        });
    }
}
