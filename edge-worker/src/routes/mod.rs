//! From a request to its answer, and the line that the log gets.

pub mod cognito;
pub mod health;
pub mod plain_events;
pub mod put_events;
pub mod update_endpoint;

#[cfg(test)]
mod tests;

use std::cell::RefCell;

use crate::identity::authenticate::claimant;
use cognito::IdentityError;
use forebay_core::wire::plain;
use forebay_core::wire::update_endpoint::EVENT_TYPE;
use put_events::Answered;

use crate::config::{Config, ConfigError};
use crate::http::cors::preflight;
use crate::http::errors::RequestError;
use crate::http::gzip::inflated;
use crate::http::message::{Answer, Head};
use crate::http::router::{AppOperation, Route};
use crate::log::Line;
use crate::pipeline::Context;
use crate::pipeline::deduplication::DeduplicationWindow;
use crate::platform::{Body, BodyError, Platform};

/// A request, the configuration (or why there is none), what was accepted lately, and the platform.
pub struct Service<'a, P> {
    /// The request.
    pub head: &'a Head,
    /// The configuration, or what is wrong with it.
    pub config: Result<&'a Config, &'a [ConfigError]>,
    /// The events that were accepted lately.
    pub window: &'a RefCell<DeduplicationWindow>,
    /// The platform.
    pub platform: &'a P,
}

impl<'a, P: Platform> Service<'a, P> {
    /// Answers the request, whose body is read where the operation has one.
    pub async fn answer(&self, body: impl Body) -> (Answer, Line<'a>) {
        let mut line = Line::new(&self.head.request_id);
        let mut answer = self.route(body, &mut line).await.unwrap_or_else(|error| {
            line.error = Some(error.code());
            error.answer(&self.head.request_id)
        });
        if self.head.method == "HEAD" {
            answer.body.clear();
        }
        line.status = answer.status;
        line.duration_ms = self.platform.now().0 - self.head.arrival.0;
        (answer, line)
    }

    async fn route(&self, body: impl Body, line: &mut Line<'a>) -> Result<Answer, RequestError> {
        let path = self.head.path.as_str();
        let path = self.config.map_or(path, |config| config.routed(path));
        let route = Route::find(&self.head.method, path)?;
        line.operation = Some(route.name());
        match route {
            Route::Preflight => Ok(preflight(self.head)),
            Route::Health => Ok(health::answer(self.head, self.config, self.platform).await),
            Route::CognitoIdentity => Ok(self.identity(body).await.unwrap_or_else(|error| {
                line.error = Some(error.code());
                error.answer()
            })),
            Route::PlainEvents => self.plain_events(body, line).await,
            Route::App { app_id, operation } => self.app(app_id, operation, body, line).await,
        }
    }

    async fn identity(&self, body: impl Body) -> Result<Answer, IdentityError> {
        let config = self.configuration()?;
        let operation = cognito::operation(self.head)?;
        let body = read(body, cognito::MAX_BODY_BYTES).await?;
        cognito::answer(operation, self.head, &body, config, self.platform).await
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
        // What the head alone can refuse, no body is read for.
        let claimant = claimant(self.head, config)?;
        let app = config.app(app_id).ok_or(RequestError::UnknownApp)?;
        let sent = read(body, limit).await?;
        // What was signed is what was sent. What a stranger sends is not decompressed.
        let caller = claimant.prove(&sent, self.platform).await?;
        if !caller.sender.is_for(app_id) {
            return Err(RequestError::Forbidden("send to this application"));
        }
        line.app_id = Some(&app.app_id);
        let body = inflated(sent, limit)?;
        let context = Context {
            head: self.head,
            config,
            app,
            caller: &caller,
        };
        let answered = match operation {
            AppOperation::PutEvents => {
                put_events::answer(&context, &body, self.window, self.platform).await
            }
            AppOperation::UpdateEndpoint { endpoint_id } => {
                if !caller.sender.may_send(EVENT_TYPE) {
                    return Err(RequestError::Forbidden("update endpoints"));
                }
                update_endpoint::answer(&context, endpoint_id, &body, self.platform).await
            }
        };
        Ok(noted(answered?, line))
    }

    async fn plain_events(
        &self,
        body: impl Body,
        line: &mut Line<'a>,
    ) -> Result<Answer, RequestError> {
        let config = self.configuration()?;
        let (sent, caller) = match plain_events::bearer(self.head, config)? {
            Some(caller) => (read(body, plain::MAX_BODY_BYTES).await?, caller),
            None => {
                let claimant = claimant(self.head, config)?;
                let sent = read(body, plain::MAX_BODY_BYTES).await?;
                let caller = claimant.prove(&sent, self.platform).await?;
                (sent, caller)
            }
        };
        let app = plain_events::app(self.head, &caller.sender, config)?;
        line.app_id = Some(&app.app_id);
        let body = inflated(sent, plain::MAX_BODY_BYTES)?;
        let context = Context {
            head: self.head,
            config,
            app,
            caller: &caller,
        };
        let answered = plain_events::answer(&context, &body, self.window, self.platform).await?;
        Ok(noted(answered, line))
    }

    fn configuration(&self) -> Result<&'a Config, RequestError> {
        self.config.map_err(|_| RequestError::Misconfigured)
    }
}

/// The answer, whose numbers go to the log.
fn noted(answered: Answered, line: &mut Line<'_>) -> Answer {
    let carried = answered.carried;
    line.events = Some(carried.counts);
    line.sink_requests = Some(carried.sink_requests);
    line.sink_error = carried.sink_error.map(|error| error.to_string());
    answered.answer
}

async fn read(body: impl Body, limit: usize) -> Result<Vec<u8>, RequestError> {
    body.read(limit).await.map_err(|error| match error {
        BodyError::TooLarge => RequestError::PayloadTooLarge { limit },
        BodyError::BrokeOff => RequestError::BodyBrokeOff,
        BodyError::Stalled => RequestError::BodyStalled,
    })
}
