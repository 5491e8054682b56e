//! From a request to its answer, and the line that the log gets.

pub mod cognito;
pub mod health;
pub mod metrics;
pub mod plain_events;
pub mod put_events;
pub mod update_endpoint;

#[cfg(test)]
pub(crate) mod tests;

use crate::identity::authenticate::{Caller, Claimant, Sender, claimant};
use cognito::IdentityError;
use forebay_core::wire::plain;
use forebay_core::wire::update_endpoint::EVENT_TYPE;
use futures_util::FutureExt;
use put_events::Answered;

use crate::budget::Share;
use crate::config::{App, Config, ConfigError};
use crate::http::cors::preflight;
use crate::http::errors::RequestError;
use crate::http::gzip::{inflated, inflated_len};
use crate::http::message::{Answer, Head};
use crate::http::router::{AppOperation, Route};
use crate::identity::openid::OpenIdTokens;
use crate::isolate::Isolate;
use crate::log::{Counts, Line};
use crate::pipeline::Context;
use crate::pipeline::enrich::clock::ClockCorrection;
use crate::platform::{Body, BodyError, Platform};
use crate::rates;
use crate::rates::Rate;

/// A request, the configuration (or why there is none), what is kept from earlier ones, and the
/// platform.
pub struct Service<'a, P> {
    /// The request.
    pub head: &'a Head,
    /// The configuration, or what is wrong with it.
    pub config: Result<&'a Config, &'a [ConfigError]>,
    /// What is kept from earlier requests.
    pub isolate: &'a Isolate,
    /// The platform.
    pub platform: &'a P,
}

impl<'a, P: Platform> Service<'a, P> {
    /// Answers the request, whose body is read where the operation has one.
    pub async fn answer(&self, body: impl Body) -> (Answer, Line<'a>) {
        let mut line = Line::new(&self.head.request_id);
        let mut answer = match self.route(body, &mut line).await {
            Ok(answer) => answer,
            Err(error) => {
                let error = self.counted(error).await;
                line.error = Some(error.code());
                error.answer(&self.head.request_id)
            }
        };
        if self.head.method == "HEAD" {
            answer.body.clear();
        }
        line.status = answer.status;
        line.duration_ms = self.platform.now().0 - self.head.arrival.0;
        self.isolate.metrics.borrow_mut().count(&line);
        if let (Some(app_id), Some(counts)) = (line.app_id, &line.events) {
            let mut quotas = self.isolate.quotas.borrow_mut();
            quotas.add_events(app_id, counts, self.head.arrival);
        }
        let timing = line.server_timing();
        (answer.with_header("server-timing", timing), line)
    }

    /// What most requests do not ask for is boxed: a future within a future is compiled with it, in each isolate
    /// anew.
    async fn route(&self, body: impl Body, line: &mut Line<'a>) -> Result<Answer, RequestError> {
        let path = self.head.path.as_str();
        let path = self.config.map_or(path, |config| config.routed(path));
        let route = Route::find(&self.head.method, path)?;
        line.operation = Some(route.name());
        match route {
            Route::Preflight => Ok(preflight(self.head)),
            Route::Health => {
                let is_deep = self.head.query.split('&').any(|it| it == "deep=1");
                let answer = health::answer(self.config, is_deep, self.platform);
                Ok(answer.boxed_local().await)
            }
            Route::Ready => {
                let answer = health::answer(self.config, true, self.platform);
                Ok(answer.boxed_local().await)
            }
            Route::OpenIdConfiguration => Ok(Answer::json(200, self.openid()?.discovery())),
            Route::Jwks => Ok(Answer::json(200, self.openid()?.jwks())),
            Route::Metrics => metrics::answer(
                self.head,
                self.configuration()?,
                &self.isolate.metrics.borrow(),
                &self.isolate.budget,
            ),
            Route::CognitoIdentity => {
                let answered = self.identity(body, line).boxed_local().await;
                Ok(answered.unwrap_or_else(|error| {
                    line.error = Some(error.code());
                    error.answer()
                }))
            }
            Route::PlainEvents => self.plain_events(body, line).boxed_local().await,
            Route::App { app_id, operation } => self.app(app_id, operation, body, line).await,
        }
    }

    async fn identity(
        &self,
        body: impl Body,
        line: &mut Line<'a>,
    ) -> Result<Answer, IdentityError> {
        let config = self.configuration()?;
        let operation = cognito::operation(self.head, config)?;
        let rates = &config.rate_limits;
        let network = rates.network(self.head);
        let rate = rates.identity_pool_per_network.as_ref();
        self.count(rate, "pool-network", network.as_deref()).await?;
        let share = self.share()?;
        let body = self
            .read(body, cognito::MAX_BODY_BYTES, &share, line)
            .await?;
        let request = cognito::Request::decode(operation, &body)?;
        let rate = rates.identity_pool_per_identity.as_ref();
        let identity = request.identity_id();
        self.count(rate, "pool-identity", identity).await?;
        cognito::answer(&request, self.head, config, self.platform).await
    }

    async fn app(
        &self,
        app_id: &'a str,
        operation: AppOperation<'a>,
        body: impl Body,
        line: &mut Line<'a>,
    ) -> Result<Answer, RequestError> {
        let limit = operation.max_body_bytes();
        let config = self.configuration()?;
        let admitted = self.admit(config, app_id, limit, body.announced()).await;
        let (claimant, app, share) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                if error.is_of_known_sender() {
                    body.leave();
                }
                return Err(error);
            }
        };
        let sent = self.read(body, limit, &share, line).await?;
        // What was signed is what was sent. What a stranger sends is not decompressed.
        let caller = claimant.prove(&sent, self.platform).await?;
        if !caller.sender.is_for(app_id) {
            return Err(RequestError::Forbidden("send to this application"));
        }
        line.app_id = Some(&app.app_id);
        let (body, body_bytes) = opened(sent, limit, 1, &share)?;
        self.count_bytes(app, &body);
        let context = self.context(config, app, &caller);
        let answered = match operation {
            AppOperation::PutEvents => {
                let request = put_events::decode(&body, &share, body_bytes)?;
                put_events::answer(&context, &request, &self.isolate.window, self.platform).await
            }
            AppOperation::UpdateEndpoint { endpoint_id } => {
                if !caller.sender.may_send(EVENT_TYPE) {
                    return Err(RequestError::Forbidden("update endpoints"));
                }
                let answered = update_endpoint::answer(&context, endpoint_id, &body, self.platform);
                answered.boxed_local().await?
            }
        };
        Ok(noted(answered, config, line))
    }

    async fn plain_events(
        &self,
        body: impl Body,
        line: &mut Line<'a>,
    ) -> Result<Answer, RequestError> {
        let config = self.configuration()?;
        let limit = plain::MAX_BODY_BYTES;
        let (share, sent, caller) = match plain_events::bearer(self.head, config)? {
            Some(caller) => {
                let share = self.share_of(body.announced(), limit)?;
                let sent = self.read(body, limit, &share, line).await?;
                (share, sent, caller)
            }
            None => {
                let claimant = claimant(self.head, config)?;
                self.count_events(claimant.sender(), config).await?;
                let share = self.share_of(body.announced(), limit)?;
                let sent = self.read(body, limit, &share, line).await?;
                let caller = claimant.prove(&sent, self.platform).await?;
                (share, sent, caller)
            }
        };
        let app = plain_events::app(self.head, &caller.sender, config)?;
        line.app_id = Some(&app.app_id);
        self.check_quota(app)?;
        // Each event is written anew, as PutEvents has it, before it is planned.
        let (body, body_bytes) = opened(sent, limit, 2, &share)?;
        self.count_bytes(app, &body);
        let context = self.context(config, app, &caller);
        let window = &self.isolate.window;
        let share = (&share, body_bytes);
        let answered = plain_events::answer(&context, &body, share, window, self.platform).await?;
        Ok(noted(answered, config, line))
    }

    fn context(&self, config: &'a Config, app: &'a App, caller: &'a Caller<'a>) -> Context<'a> {
        let clock = if config.enrichment.clock {
            let mut clocks = self.isolate.clocks.borrow_mut();
            clocks.correction(self.head, caller)
        } else {
            ClockCorrection::none(self.head.arrival)
        };
        Context {
            head: self.head,
            config,
            app,
            caller,
            clock,
        }
    }

    /// Whom the request is from, for which app, and a share of the memory. What the head alone can refuse is
    /// refused here, before the body is read.
    async fn admit(
        &self,
        config: &'a Config,
        app_id: &str,
        limit: usize,
        announced: Option<usize>,
    ) -> Result<(Claimant<'a>, &'a App, Share<'a>), RequestError> {
        let claimant = claimant(self.head, config)?;
        let app = config.app(app_id).ok_or(RequestError::UnknownApp)?;
        self.check_quota(app)?;
        self.count_events(claimant.sender(), config).await?;
        let share = self.share_of(announced, limit)?;
        Ok((claimant, app, share))
    }

    /// A share of the memory that has room for a body of the length that is announced.
    fn share_of(&self, announced: Option<usize>, limit: usize) -> Result<Share<'a>, RequestError> {
        let announced = announced.unwrap_or(0);
        if announced > limit {
            return Err(RequestError::PayloadTooLarge { limit });
        }
        let share = self.share()?;
        share.expect(announced)?;
        Ok(share)
    }

    /// Counts a request with events against the rate limits, unless it has a server key: the operator gave
    /// the server that key. The daily quota counts servers, too.
    async fn count_events(&self, sender: &Sender<'_>, config: &Config) -> Result<(), RequestError> {
        let Some(identity) = sender.cognito_id() else {
            return Ok(());
        };
        let rates = &config.rate_limits;
        let network = rates.network(self.head);
        let rate = rates.events_per_network.as_ref();
        self.count(rate, "events-network", network.as_deref())
            .await?;
        let rate = rates.events_per_identity.as_ref();
        self.count(rate, "events-identity", Some(identity)).await
    }

    /// Counts a wrong key. Gives the error "too many requests" in place of `error` once the sender's network has sent
    /// too many wrong keys. Right keys are neither counted nor refused, so that a guesser harms nobody else in the
    /// network.
    async fn counted(&self, error: RequestError) -> RequestError {
        let Ok(config) = self.config else {
            return error;
        };
        if !error.is_of_wrong_key() || !self.head.shows_key() {
            return error;
        }
        let rates = &config.rate_limits;
        let network = rates.network(self.head);
        // All senders whose network is not known share one count.
        let network = network.as_deref().unwrap_or("unknown");
        let rate = Some(rates.wrong_keys());
        let counted = self.count(rate, "wrong-keys", Some(network)).await;
        counted.err().unwrap_or(error)
    }

    /// Whether an application may send more today.
    fn check_quota(&self, app: &App) -> Result<(), RequestError> {
        let quotas = self.isolate.quotas.borrow();
        let checked = quotas.check(&app.app_id, &app.daily_quota, self.head.arrival);
        checked.map_err(RequestError::QuotaUsedUp)
    }

    fn count_bytes(&self, app: &App, body: &[u8]) {
        let mut quotas = self.isolate.quotas.borrow_mut();
        quotas.add_bytes(&app.app_id, body.len(), self.head.arrival);
    }

    /// A share of the memory for this request.
    fn share(&self) -> Result<Share<'a>, RequestError> {
        let share = self.isolate.budget.take(self.head.arrival);
        share.map_err(RequestError::from)
    }

    /// Counts this request as one of `who`.
    async fn count(
        &self,
        rate: Option<&Rate>,
        name: &str,
        who: Option<&str>,
    ) -> Result<(), RequestError> {
        let taken = rates::take(rate, name, who, &self.isolate.buckets, self.platform).await;
        taken.map_err(RequestError::from)
    }

    /// Reads the body, and notes how long that took.
    async fn read(
        &self,
        body: impl Body,
        limit: usize,
        share: &Share<'_>,
        line: &mut Line<'a>,
    ) -> Result<Vec<u8>, RequestError> {
        // What is announced need not come.
        if body.announced().is_some_and(|length| length > limit) {
            return Err(RequestError::PayloadTooLarge { limit });
        }
        let started = self.platform.now();
        let read = body.read(limit, share).await;
        line.body_ms = Some(self.platform.now().0 - started.0);
        line.body_bytes = read.as_ref().ok().map(Vec::len);
        read.map_err(|error| match error {
            BodyError::TooLarge => RequestError::PayloadTooLarge { limit },
            BodyError::BrokeOff => RequestError::BodyBrokeOff,
            BodyError::Stalled => RequestError::BodyStalled,
            BodyError::NoRoom => RequestError::Busy,
        })
    }

    /// What OpenID tokens are made with.
    fn openid(&self) -> Result<&'a OpenIdTokens, RequestError> {
        let openid = self.configuration()?.openid.as_ref();
        openid.ok_or(RequestError::NotFound)
    }

    fn configuration(&self) -> Result<&'a Config, RequestError> {
        self.config.map_err(|_| RequestError::Misconfigured)
    }
}

/// The answer, whose numbers go to the log.
fn noted<'a>(answered: Answered, config: &'a Config, line: &mut Line<'a>) -> Answer {
    let carried = answered.carried;
    line.events = Some(Counts::from(&carried.tally));
    line.tally = Some(carried.tally);
    line.sinks_ms = Some(carried.sinks_ms);
    line.sink = carried.sink.map(|sink| config.sinks.name(sink));
    line.sink_requests = Some(carried.sink_requests);
    line.sink_error = carried.sink_error.map(|error| error.to_string());
    answered.answer
}

/// The body, decompressed where it was compressed, and how many bytes of it `share` has taken: those of
/// the longer form, `copies` times. The share is taken before the memory is.
fn opened(
    sent: Vec<u8>,
    limit: usize,
    copies: usize,
    share: &Share<'_>,
) -> Result<(Vec<u8>, usize), RequestError> {
    let inflated_len = inflated_len(&sent, limit)?;
    let bytes = copies * sent.len().max(inflated_len);
    share.work_on(bytes, 0, 0)?;
    Ok((inflated(sent, inflated_len)?, bytes))
}
