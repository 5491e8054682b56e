//! How often a network or an identity may send requests. Where Cloudflare's rate-limit binding is bound,
//! it counts; elsewhere a token bucket of this isolate does. Requests with a server key are not counted, and those
//! with a wrong one are.

use std::net::{IpAddr, Ipv6Addr};

use forebay_core::time::Timestamp;
use serde::Deserialize;

use crate::http::message::Head;
use crate::platform::{Clock, RateLimits};
use crate::recent::Recent;

/// `rate_limits` of the configuration. What is missing is not limited.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RateSettings {
    /// Requests to the identity pool of one network.
    pub identity_pool_per_network: Option<Rate>,
    /// Requests to the identity pool for credentials of one identity.
    pub identity_pool_per_identity: Option<Rate>,
    /// PutEvents, UpdateEndpoint and signed plain events of one network.
    pub events_per_network: Option<Rate>,
    /// PutEvents, UpdateEndpoint and signed plain events of one identity.
    pub events_per_identity: Option<Rate>,
    /// Requests of one network that show a wrong key of a server or of `/metrics`; [`RateSettings::wrong_keys`]
    /// says what is taken where it is missing.
    pub wrong_keys_per_network: Option<Rate>,
    /// The header with the client's address, from the platform or a proxy that the worker trusts;
    /// `cf-connecting-ip` unless it is given. Of a list, the last address counts, which the nearest proxy
    /// added.
    pub address_header: Option<String>,
}

/// So many requests in so many seconds; all of them may come at once.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// At least one.
    pub requests: u32,
    /// At least one.
    pub seconds: u32,
    /// The name of a rate-limit binding of Cloudflare, which then counts by its own settings.
    pub binding: Option<String>,
}

/// Wrong keys that a network may show where nothing is configured: enough for a server that begins with a
/// mistake.
const WRONG_KEYS: Rate = Rate {
    requests: 20,
    seconds: 60,
    binding: None,
};

impl Rate {
    /// Whether it allows fewer requests in the long run.
    fn is_below(&self, other: &Rate) -> bool {
        let in_time_of =
            |one: &Rate, other: &Rate| u64::from(one.requests) * u64::from(other.seconds);
        in_time_of(self, other) < in_time_of(other, self)
    }
}

/// Too many requests: come back after so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany {
    /// At least one.
    pub retry_after_seconds: u32,
}

impl RateSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn check(&self) -> Result<(), &'static str> {
        let rates = [
            &self.identity_pool_per_network,
            &self.identity_pool_per_identity,
            &self.events_per_network,
            &self.events_per_identity,
            &self.wrong_keys_per_network,
        ];
        let mut rates = rates.into_iter().flatten();
        if rates.any(|rate| rate.requests == 0 || rate.seconds == 0) {
            return Err("a rate limit has 0 `requests` or 0 `seconds`");
        }
        Ok(())
    }

    /// How many wrong keys a network may show: what is configured; or else [`WRONG_KEYS`], or
    /// `events_per_network` where that is less. It is never without a limit: nobody needs more.
    pub fn wrong_keys(&self) -> &Rate {
        let events = self.events_per_network.as_ref();
        let events = events.filter(|rate| rate.is_below(&WRONG_KEYS));
        let configured = self.wrong_keys_per_network.as_ref();
        configured.or(events).unwrap_or(&WRONG_KEYS)
    }

    /// The network that a request came from: an IPv4 address, or the first 64 bits of an IPv6
    /// address, of which one household has 2^64. `None` where nobody says.
    pub fn network(&self, head: &Head) -> Option<String> {
        let name = self.address_header.as_deref().unwrap_or("cf-connecting-ip");
        let addresses = head.header(&name.to_ascii_lowercase())?;
        let address = addresses.rsplit(',').next()?.trim().parse().ok()?;
        Some(match address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => address.to_string(),
                None => {
                    let prefix = address.to_bits() >> 64 << 64;
                    Ipv6Addr::from_bits(prefix).to_string()
                }
            },
        })
    }
}

/// A token bucket for each of the latest who asked, kept as the time at which it is full again (the
/// generic cell rate algorithm).
#[derive(Debug, Default)]
pub struct Buckets(Recent<i64>);

impl Buckets {
    /// Takes a request of `who` out of their bucket.
    ///
    /// # Errors
    /// [`TooMany`]
    pub fn take(&mut self, rate: &Rate, who: &str, now: Timestamp) -> Result<(), TooMany> {
        let window = i64::from(rate.seconds) * 1_000;
        // In thousandths of a millisecond, so that no rate is rounded to nothing.
        let now = now.0 * 1_000;
        let window = window * 1_000;
        let interval = window / i64::from(rate.requests);
        let full_at = self.0.get(who).unwrap_or(now).max(now) + interval;
        if full_at - now > window {
            let wait = (full_at - now - window).div_euclid(1_000_000) + 1;
            return Err(TooMany {
                retry_after_seconds: u32::try_from(wait).unwrap_or(u32::MAX),
            });
        }
        self.0.set(who, full_at);
        Ok(())
    }
}

/// Counts a request of `who`, by the rate's binding or by `buckets`. `name` sets limits apart.
///
/// # Errors
/// [`TooMany`]
pub async fn take(
    rate: Option<&Rate>,
    name: &str,
    who: Option<&str>,
    buckets: &std::cell::RefCell<Buckets>,
    platform: &(impl Clock + RateLimits),
) -> Result<(), TooMany> {
    let (Some(rate), Some(who)) = (rate, who) else {
        return Ok(());
    };
    let who = format!("{name} {who}");
    if let Some(binding) = &rate.binding
        && let Some(is_within) = platform.is_within(binding, &who).await
    {
        let refused = TooMany {
            retry_after_seconds: rate.seconds.min(60),
        };
        return is_within.then_some(()).ok_or(refused);
    }
    buckets.borrow_mut().take(rate, &who, platform.now())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::message::tests::head;
    use crate::recent::GENERATION;

    fn rate(requests: u32, seconds: u32) -> Rate {
        Rate {
            requests,
            seconds,
            binding: None,
        }
    }

    #[test]
    fn so_many_may_come_at_once_and_then_as_many_as_the_rate_says() {
        let (rate, mut buckets) = (rate(3, 60), Buckets::default());
        let mut take =
            |who: &str, seconds: i64| buckets.take(&rate, who, Timestamp(seconds * 1_000));
        for _ in 0..3 {
            assert_eq!(take("a", 100), Ok(()));
        }
        let TooMany {
            retry_after_seconds,
        } = take("a", 100).unwrap_err();
        assert!(
            (20..=21).contains(&retry_after_seconds),
            "{retry_after_seconds}"
        );
        assert_eq!(take("b", 100), Ok(()), "another has a bucket of their own");
        assert!(take("a", 119).is_err());
        assert_eq!(take("a", 121), Ok(()));
        assert!(take("a", 121).is_err());
        for _ in 0..3 {
            assert_eq!(take("a", 1_000), Ok(()));
        }
        assert!(take("a", 1_000).is_err());
    }

    #[test]
    fn whoever_asked_last_is_known_however_many_ask() {
        let (rate, mut buckets) = (rate(1, 3_600), Buckets::default());
        for who in 0..5 * GENERATION {
            let _ = buckets.take(&rate, &who.to_string(), Timestamp(0));
        }
        let last = (5 * GENERATION - 1).to_string();
        assert!(buckets.take(&rate, &last, Timestamp(0)).is_err());
    }

    #[test]
    fn a_network_is_an_address_or_the_half_of_one() {
        let network = |header: Option<&str>, value: &str| {
            let settings = RateSettings {
                address_header: header.map(str::to_owned),
                ..RateSettings::default()
            };
            let name = header.unwrap_or("cf-connecting-ip").to_lowercase();
            settings.network(&head("POST", "/", &[(&name, value)]))
        };
        for (value, expected) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("2001:db8:1:2:3:4:5:6", Some("2001:db8:1:2::")),
            ("2001:db8:1:2:ffff::1", Some("2001:db8:1:2::")),
            ("::ffff:192.0.2.7", Some("192.0.2.7")),
            ("192.0.2.7:80", None),
            ("somebody", None),
            ("", None),
        ] {
            assert_eq!(network(None, value).as_deref(), expected, "{value}");
        }
        // What stands before the last is the sender's word.
        let forwarded = network(Some("X-Forwarded-For"), "198.51.100.1, 192.0.2.7");
        assert_eq!(forwarded.as_deref(), Some("192.0.2.7"));
        let other = head("POST", "/", &[("x-forwarded-for", "192.0.2.7")]);
        assert_eq!(RateSettings::default().network(&other), None);
    }
}
