//! What the worker asks of the platform it runs on. The rest of the worker is written against this
//! trait alone, so that it runs natively in tests, on a clock and a network of their own.

use std::time::Duration;

use forebay_core::time::Timestamp;

use crate::identity::jwks::{Algorithm, PublicKey};

/// Clock, randomness, hashes, signatures, the request's body and the network.
pub trait Platform {
    /// The time.
    fn now(&self) -> Timestamp;

    /// Fills `bytes` with randomness fit for keys.
    ///
    /// # Errors
    /// [`NoRandomness`] where the platform has none to give.
    fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;

    /// SHA-256, as fast as the platform can: of megabytes it is most of a request's work.
    async fn sha256(&self, bytes: &[u8]) -> [u8; 32];

    /// Reads the request's body, keeping no more than `max_bytes` of it in memory.
    ///
    /// # Errors
    /// [`BodyError`]
    async fn read_body(&self, max_bytes: usize) -> Result<Vec<u8>, BodyError>;

    /// Sends a POST request and reads the whole answer.
    ///
    /// # Errors
    /// [`Unreachable`] where no answer came within the call's time.
    async fn post(&self, call: Call) -> Result<Reply, Unreachable>;

    /// Reads what stands at a URL.
    ///
    /// # Errors
    /// [`Unreachable`] where no answer came within `time_out`, or one of more than `max_bytes`.
    async fn get(
        &self,
        url: &str,
        max_bytes: usize,
        time_out: Duration,
    ) -> Result<Reply, Unreachable>;

    /// Whether `signature` was made over `message` with the private key of `key`, by an algorithm
    /// that is the key's own; RFC 7518 says in which form. A key that is none verifies nothing.
    async fn verifies(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool;

    /// Waits.
    async fn wait(&self, duration: Duration);
}

/// The platform has no randomness to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than asked for.
    TooLarge,
    /// It broke off.
    BrokeOff,
}

/// A POST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Where to.
    pub url: String,
    /// All but `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// After which no answer is awaited any more.
    pub time_out: Duration,
}

/// The answer to a request of the worker's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// No answer came: refused, broken off or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

#[cfg(test)]
pub(crate) mod simulated {
    //! A platform whose clock moves only when something waits.

    use std::cell::{Cell, RefCell};

    use sha2::{Digest, Sha256};

    use super::*;

    /// Stands for a signature: of the message and the key, and not to be made without either.
    pub(crate) fn simulated_signature(key: &PublicKey, message: &[u8]) -> Vec<u8> {
        let key = format!("{key:?}");
        Sha256::new_with_prefix(key)
            .chain_update(message)
            .finalize()
            .to_vec()
    }

    type Answering<'a> = dyn FnMut(&Call) -> Result<Reply, Unreachable> + 'a;

    pub(crate) struct Simulated<'a> {
        pub(crate) now: Cell<i64>,
        pub(crate) body: Vec<u8>,
        pub(crate) calls: RefCell<Vec<Call>>,
        answering: RefCell<Box<Answering<'a>>>,
    }

    impl<'a> Simulated<'a> {
        pub(crate) fn new(
            body: &[u8],
            answering: impl FnMut(&Call) -> Result<Reply, Unreachable> + 'a,
        ) -> Simulated<'a> {
            Simulated {
                now: Cell::new(1_795_000_000_000),
                body: body.to_vec(),
                calls: RefCell::default(),
                answering: RefCell::new(Box::new(answering)),
            }
        }
    }

    impl Platform for Simulated<'_> {
        fn now(&self) -> Timestamp {
            Timestamp(self.now.get())
        }

        fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            bytes.fill(0xa5);
            Ok(())
        }

        async fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
            Sha256::digest(bytes).into()
        }

        async fn read_body(&self, max_bytes: usize) -> Result<Vec<u8>, BodyError> {
            if self.body.len() > max_bytes {
                return Err(BodyError::TooLarge);
            }
            Ok(self.body.clone())
        }

        async fn post(&self, call: Call) -> Result<Reply, Unreachable> {
            let reply = (self.answering.borrow_mut())(&call);
            let took = if reply.is_ok() {
                Duration::from_millis(5)
            } else {
                call.time_out
            };
            self.calls.borrow_mut().push(call);
            self.wait(took).await;
            reply
        }

        /// Asks as if by a call without a body.
        async fn get(
            &self,
            url: &str,
            max_bytes: usize,
            time_out: Duration,
        ) -> Result<Reply, Unreachable> {
            let call = Call {
                url: url.to_owned(),
                headers: Vec::new(),
                body: String::new(),
                time_out,
            };
            let reply = self.post(call).await?;
            (reply.body.len() <= max_bytes)
                .then_some(reply)
                .ok_or(Unreachable)
        }

        /// What [`simulated_signature`] makes.
        async fn verifies(
            &self,
            key: &PublicKey,
            _: Algorithm,
            message: &[u8],
            signature: &[u8],
        ) -> bool {
            simulated_signature(key, message) == signature
        }

        async fn wait(&self, duration: Duration) {
            let millis = i64::try_from(duration.as_millis()).unwrap();
            self.now.set(self.now.get() + millis);
        }
    }
}
