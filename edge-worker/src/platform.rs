//! What the worker asks of the platform it runs on. The rest of the worker is written against these
//! traits alone, so that it runs natively in tests, on a clock and a network of their own.

use std::time::Duration;

use forebay_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::budget::{NoRoom, Share};

/// Time.
pub trait Clock {
    /// The time now.
    fn now(&self) -> Timestamp;

    /// Waits.
    async fn wait(&self, duration: Duration);
}

/// Randomness.
pub trait Random {
    /// Fills `bytes` with randomness fit for keys.
    ///
    /// # Errors
    /// [`NoRandomness`] where the platform has none to give.
    fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// Hashes and signatures.
pub trait Crypto {
    /// SHA-256, as fast as the platform can: of megabytes it is most of a request's work.
    async fn sha256(&self, bytes: &[u8]) -> [u8; 32];

    /// Whether `signature` was made over `message` with the private key of `key`, by an algorithm
    /// that is the key's own; RFC 7518 says in which form. A key that is none verifies nothing.
    async fn verifies(
        &self,
        key: &PublicKey,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool;

    /// The signature over `message` by ES256, in the form of RFC 7518; `None` where the key is none.
    async fn signs(&self, key: &PrivateKey<'_>, message: &[u8]) -> Option<Vec<u8>>;
}

/// The network.
pub trait Http {
    /// Sends a request and reads the whole answer. Redirects are not followed.
    ///
    /// # Errors
    /// [`Unreachable`] where no answer came within the request's time, or a longer one than it takes.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable>;
}

/// Limits that the platform counts for all its isolates together.
pub trait RateLimits {
    /// Counts a request of `key` under the binding of this name: whether it is within the limit.
    /// `None` where there is no such binding, or it does not answer.
    async fn is_within(&self, binding: &str, key: &str) -> Option<bool>;
}

/// Queues that the platform keeps.
pub trait Queues {
    /// Hands messages to the queue of the binding of this name: all of them, or none. Once it returns, the
    /// queue has them.
    ///
    /// # Errors
    /// [`QueueError`], also where that takes longer than `time_out`; the queue may have them all the same.
    async fn enqueue(
        &self,
        binding: &str,
        messages: Vec<String>,
        time_out: Duration,
    ) -> Result<(), QueueError>;
}

/// Why a queue is not known to have messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueError {
    /// More is sent to it than it takes.
    Busy,
    /// Anything else.
    Failed,
}

/// All of it.
pub trait Platform: Clock + Random + Crypto + Http + RateLimits + Queues {}

impl<T: Clock + Random + Crypto + Http + RateLimits + Queues> Platform for T {}

/// The body of the request that is answered. It comes beside the request's head, so that a request
/// can be refused before its body is read; a body that is dropped is not read at all.
pub trait Body {
    /// How many bytes it has, where its sender says so.
    fn announced(&self) -> Option<usize>;

    /// Does not read it, but has the platform throw it away as it comes, so that its sender hears
    /// the answer. A body that is only dropped may have its connection cut.
    fn leave(self);

    /// Reads all of it, unless it is larger than `max_bytes`, of which no more are kept in memory,
    /// or comes more slowly than an [`Allowance`]. `share` grows before memory is taken for it.
    ///
    /// # Errors
    /// [`BodyError`]
    async fn read(self, max_bytes: usize, share: &Share<'_>) -> Result<Vec<u8>, BodyError>;
}

/// How long a body may be waited for: [`Allowance::MOST_MS`], which run down, and which every
/// [`Allowance::BYTES_PER_SECOND`] that come fill up by a second. So an upload that stalls ends
/// soon, however much of it has come; one that is slow but goes on, as over a poor mobile network,
/// does not; and whoever sends a byte now and then buys nothing with it.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    since: Timestamp,
    left_ms: i64,
}

impl Allowance {
    /// Milliseconds that a body has when it begins, and never more.
    pub const MOST_MS: u32 = 10_000;
    /// The slowest network that is waited for.
    pub const BYTES_PER_SECOND: u32 = 32 * 1024;

    /// That of a body which begins now.
    pub fn new(now: Timestamp) -> Allowance {
        Allowance {
            since: now,
            left_ms: i64::from(Self::MOST_MS),
        }
    }

    /// Some bytes have come.
    pub fn earn(&mut self, bytes: usize, now: Timestamp) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        let earned = bytes.saturating_mul(1_000) / i64::from(Self::BYTES_PER_SECOND);
        let left = i64::from(self.left_ms(now)).saturating_add(earned);
        self.left_ms = left.min(i64::from(Self::MOST_MS));
        self.since = now;
    }

    /// Milliseconds that are left; 0 where it has stalled.
    pub fn left_ms(&self, now: Timestamp) -> u32 {
        let left = self.left_ms - (now.0 - self.since.0);
        u32::try_from(left.max(0)).unwrap_or(Self::MOST_MS)
    }
}

/// Why a body was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than asked for.
    TooLarge,
    /// It broke off.
    BrokeOff,
    /// It came too slowly to be waited for.
    Stalled,
    /// There is no memory for it.
    NoRoom,
}

impl From<NoRoom> for BodyError {
    fn from(_: NoRoom) -> BodyError {
        BodyError::NoRoom
    }
}

/// The platform has no randomness to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoRandomness;

/// A request of the worker's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// E.g. `POST`.
    pub method: &'static str,
    /// Where to.
    pub url: String,
    /// All but `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body; empty for a method that has none.
    pub body: String,
    /// After which no answer is awaited any more.
    pub time_out: Duration,
    /// Most bytes that the answer's body may have.
    pub max_response_bytes: usize,
}

/// The answer to a request of the worker's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// The header `x-amzn-errortype`, by which some services of AWS name an error.
    pub error_type: Option<String>,
    /// The header `retry-after`.
    pub retry_after: Option<String>,
}

impl HttpResponse {
    /// One with a body, and no header that matters.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> HttpResponse {
        HttpResponse {
            status,
            body: body.into(),
            error_type: None,
            retry_after: None,
        }
    }
}

/// No answer came: refused, broken off, too long or timed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreachable;

/// How a token is signed (RFC 7518): what the issuers in use have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256: OpenID Connect's default.
    RS256,
    /// The same with SHA-384.
    RS384,
    /// The same with SHA-512: Amazon Cognito's identity pools.
    RS512,
    /// ECDSA on the curve P-256 with SHA-256.
    ES256,
}

/// A public key: what a JWK says of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "kty")]
pub enum PublicKey {
    /// Modulus and exponent, base64url.
    #[serde(rename = "RSA")]
    Rsa {
        /// Modulus.
        n: String,
        /// Exponent.
        e: String,
    },
    /// A point on a curve, base64url.
    #[serde(rename = "EC")]
    Ec {
        /// The curve's name.
        crv: String,
        /// One coordinate.
        x: String,
        /// The other.
        y: String,
    },
}

/// A private key on the curve P-256: what a JWK says of it. Not to be printed.
#[derive(Clone, Copy, Serialize)]
pub struct PrivateKey<'a> {
    /// `EC`
    pub kty: &'static str,
    /// `P-256`
    pub crv: &'static str,
    /// One coordinate of the public point, base64url.
    pub x: &'a str,
    /// The other.
    pub y: &'a str,
    /// The private number, base64url.
    pub d: &'a str,
}

#[cfg(test)]
pub(crate) mod simulated {
    //! A platform whose clock moves only when all that runs waits: then to the earliest time that
    //! something waits for.

    use std::cell::{Cell, RefCell};
    use std::collections::BTreeMap;
    use std::pin::Pin;
    use std::task::{Context, Poll};

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

    type Answering<'a> = dyn FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable> + 'a;

    pub(crate) struct Simulated<'a> {
        pub(crate) now: Cell<i64>,
        /// How often randomness was asked for: it differs each time.
        draws: Cell<u32>,
        /// What was sent, in its order.
        pub(crate) sent: RefCell<Vec<HttpRequest>>,
        /// Rate-limit bindings, and how many requests each still takes.
        pub(crate) bound: RefCell<BTreeMap<String, u32>>,
        /// The messages that each queue has.
        pub(crate) queued: RefCell<Vec<(String, String)>>,
        /// What queues answer next; nothing where they take all.
        pub(crate) queue_errors: RefCell<Vec<QueueError>>,
        answering: RefCell<Box<Answering<'a>>>,
        /// What is waited for, by who waits.
        timers: RefCell<BTreeMap<u64, i64>>,
        next_timer: Cell<u64>,
    }

    struct Timer<'s, 'a> {
        platform: &'s Simulated<'a>,
        id: u64,
        is_polled: bool,
    }

    impl Future for Timer<'_, '_> {
        type Output = ();

        /// Not ready when it is asked for the first time, so that all that runs beside comes to
        /// wait too; then in the order of their times.
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
            let timers = self.platform.timers.borrow();
            let until = timers[&self.id];
            let is_next = timers.values().all(|other| until <= *other);
            drop(timers);
            if self.is_polled && is_next {
                self.platform.now.set(self.platform.now.get().max(until));
                return Poll::Ready(());
            }
            self.is_polled = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    }

    impl Drop for Timer<'_, '_> {
        fn drop(&mut self) {
            self.platform.timers.borrow_mut().remove(&self.id);
        }
    }

    impl<'a> Simulated<'a> {
        pub(crate) fn new(
            answering: impl FnMut(&HttpRequest) -> Result<HttpResponse, Unreachable> + 'a,
        ) -> Simulated<'a> {
            Simulated {
                now: Cell::new(1_795_000_000_000),
                draws: Cell::new(0),
                sent: RefCell::default(),
                bound: RefCell::default(),
                queued: RefCell::default(),
                queue_errors: RefCell::default(),
                answering: RefCell::new(Box::new(answering)),
                timers: RefCell::default(),
                next_timer: Cell::new(0),
            }
        }
    }

    impl Clock for Simulated<'_> {
        fn now(&self) -> Timestamp {
            Timestamp(self.now.get())
        }

        async fn wait(&self, duration: Duration) {
            let until = self.now.get() + i64::try_from(duration.as_millis()).unwrap();
            let id = self.next_timer.replace(self.next_timer.get() + 1);
            self.timers.borrow_mut().insert(id, until);
            let timer = Timer {
                platform: self,
                id,
                is_polled: false,
            };
            timer.await;
        }
    }

    impl Random for Simulated<'_> {
        fn randomize(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
            let draws = self.draws.get();
            self.draws.set(draws + 1);
            bytes.fill(0xa5);
            for (byte, drawn) in bytes.iter_mut().zip(draws.to_le_bytes()) {
                *byte ^= drawn;
            }
            Ok(())
        }
    }

    impl Crypto for Simulated<'_> {
        async fn sha256(&self, bytes: &[u8]) -> [u8; 32] {
            Sha256::digest(bytes).into()
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

        async fn signs(&self, key: &PrivateKey<'_>, message: &[u8]) -> Option<Vec<u8>> {
            let public = PublicKey::Ec {
                crv: key.crv.into(),
                x: key.x.into(),
                y: key.y.into(),
            };
            Some(simulated_signature(&public, message))
        }
    }

    impl Http for Simulated<'_> {
        async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Unreachable> {
            let response = (self.answering.borrow_mut())(&request);
            let took = if response.is_ok() {
                Duration::from_millis(5)
            } else {
                request.time_out
            };
            let max_bytes = request.max_response_bytes;
            self.sent.borrow_mut().push(request);
            self.wait(took).await;
            response.and_then(|response| {
                let fits = response.body.len() <= max_bytes;
                fits.then_some(response).ok_or(Unreachable)
            })
        }
    }

    impl RateLimits for Simulated<'_> {
        async fn is_within(&self, binding: &str, _: &str) -> Option<bool> {
            let left = self.bound.borrow_mut();
            let mut left =
                std::cell::RefMut::filter_map(left, |bound| bound.get_mut(binding)).ok()?;
            let is_within = *left > 0;
            *left = left.saturating_sub(1);
            Some(is_within)
        }
    }

    impl Queues for Simulated<'_> {
        async fn enqueue(
            &self,
            binding: &str,
            messages: Vec<String>,
            _: Duration,
        ) -> Result<(), QueueError> {
            self.wait(Duration::from_millis(5)).await;
            if let Some(error) = self.queue_errors.borrow_mut().pop() {
                return Err(error);
            }
            let messages = messages.into_iter();
            let messages = messages.map(|message| (binding.to_owned(), message));
            self.queued.borrow_mut().extend(messages);
            Ok(())
        }
    }

    impl Body for &[u8] {
        fn announced(&self) -> Option<usize> {
            Some(self.len())
        }

        fn leave(self) {}

        async fn read(self, max_bytes: usize, share: &Share<'_>) -> Result<Vec<u8>, BodyError> {
            if self.len() > max_bytes {
                return Err(BodyError::TooLarge);
            }
            share.hold(self.len())?;
            Ok(self.to_vec())
        }
    }
}
