//! The iterators that a shard is read on with.

use tokio::time::{Instant, sleep_until};

use super::consume::{Consumer, note};
use crate::cut::Shard;
use crate::source::kinesis::{KinesisError, Records};
use crate::source::{Anchor, Position};

/// The iterators to read on with.
///
/// After an answer at the tip without records it stays one iterator behind the newest: kinesalite's
/// next iterator stands at the time of the answer, and a record that was on its way just then would
/// never be seen through it. Kinesis's own iterators stand still at the tip, so that nothing is read
/// twice there.
pub(super) struct Cursor {
    current: Option<String>,
    following: Option<String>,
    pub(super) anchor: Anchor,
    /// For a shard that is begun with what comes from now on: until its first record.
    latest: bool,
}

impl Cursor {
    pub(super) fn new(anchor: Anchor, latest: bool) -> Cursor {
        Cursor {
            current: None,
            following: None,
            anchor,
            latest,
        }
    }

    pub(super) fn drop_iterators(&mut self) {
        self.current = None;
        self.following = None;
        // From here on the time that is written down says where to begin.
        self.latest = false;
    }

    /// Reads on at `at`. May be dropped at any time, and called again.
    pub(super) async fn read(
        &mut self,
        consumer: &Consumer,
        shard: &Shard,
        at: Instant,
    ) -> Result<Records, KinesisError> {
        sleep_until(at).await;
        let iterator = match &self.current {
            Some(iterator) => iterator,
            None => {
                let iterator = self.start(consumer, shard).await?;
                self.current.insert(iterator)
            }
        };
        consumer.kinesis.records(iterator).await
    }

    pub(super) fn advance(&mut self, next: String, is_tip: bool) {
        if !is_tip {
            self.current = Some(next);
            self.following = None;
        } else if let Some(following) = self.following.replace(next) {
            self.current = Some(following);
        }
    }

    /// An iterator at the shard's position.
    async fn start(&mut self, consumer: &Consumer, shard: &Shard) -> Result<String, KinesisError> {
        let id = shard.id();
        let position = match self.latest {
            true => Position::Latest,
            false => self.anchor.position(shard.position()),
        };
        match consumer.kinesis.iterator(id, &position).await {
            // What is older than the position is passed over when it comes.
            Err(error)
                if error.is("InvalidArgumentException")
                    && matches!(position, Position::At(_) | Position::After(_)) =>
            {
                note(format_args!(
                    "{id}: {error}; reading on from the oldest record"
                ));
                self.anchor.refused();
                consumer.kinesis.iterator(id, &Position::TrimHorizon).await
            }
            answer => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_stays_one_behind_at_the_tip_alone() {
        let mut cursor = Cursor::new(Anchor::default(), false);
        cursor.current = Some("0".into());
        let after = |cursor: &mut Cursor, next: &str, is_tip| {
            cursor.advance(next.into(), is_tip);
            cursor.current.clone().unwrap()
        };
        assert_eq!(after(&mut cursor, "1", true), "0");
        assert_eq!(after(&mut cursor, "2", true), "1");
        assert_eq!(after(&mut cursor, "3", false), "3");
        // Empty answers on the way to the tip are read once each.
        assert_eq!(after(&mut cursor, "4", false), "4");
        assert_eq!(after(&mut cursor, "5", true), "4");
    }
}
