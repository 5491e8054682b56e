//! Which operation a request asks for.

use forebay_core::wire::{put_events, update_endpoint};

use crate::http::errors::RequestError;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route<'a> {
    /// An operation on an application.
    App {
        /// The application id, as it stands in the path.
        app_id: &'a str,
        /// Which one.
        operation: AppOperation<'a>,
    },
    /// `POST /v1/events`: plain JSON.
    PlainEvents,
    /// `POST /` with an `X-Amz-Target`.
    CognitoIdentity,
    /// `GET /.well-known/openid-configuration`.
    OpenIdConfiguration,
    /// `GET /.well-known/jwks.json`.
    Jwks,
    /// `GET /metrics`.
    Metrics,
    /// `GET /readyz`.
    Ready,
    /// `GET /healthz`.
    Health,
    /// `OPTIONS` of any path.
    Preflight,
}

/// An operation of Pinpoint's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppOperation<'a> {
    /// `POST /v1/apps/{application-id}/events`; Amplify v5 adds `/legacy`.
    PutEvents,
    /// `PUT /v1/apps/{application-id}/endpoints/{endpoint-id}`; or by `POST`, for which a browser does not ask
    /// first.
    UpdateEndpoint {
        /// The endpoint id, as it stands in the path.
        endpoint_id: &'a str,
    },
}

impl AppOperation<'_> {
    /// Most bytes of a request's body.
    pub fn max_body_bytes(self) -> usize {
        match self {
            AppOperation::PutEvents => put_events::MAX_BODY_BYTES,
            AppOperation::UpdateEndpoint { .. } => update_endpoint::MAX_BODY_BYTES,
        }
    }
}

/// Where servers send plain JSON.
const PLAIN_EVENTS: &str = "/v1/events";

impl<'a> Route<'a> {
    /// Finds the operation of a request.
    ///
    /// # Errors
    /// [`RequestError::NotFound`] or [`RequestError::MethodNotAllowed`].
    pub fn find(method: &str, path: &'a str) -> Result<Route<'a>, RequestError> {
        if method == "OPTIONS" {
            // A browser asks before it sends a key, and has none to send.
            return match path {
                PLAIN_EVENTS => Err(RequestError::NotForPages),
                _ => Ok(Route::Preflight),
            };
        }
        let segments: Vec<&str> = path
            .strip_prefix('/')
            .unwrap_or(path)
            .splitn(7, '/')
            .collect();
        let (route, methods, allow): (_, &[&str], _) = match segments.as_slice() {
            [""] => (Route::CognitoIdentity, &["POST"], "POST, OPTIONS"),
            ["healthz"] => (Route::Health, &["GET", "HEAD"], "GET, HEAD, OPTIONS"),
            ["readyz"] => (Route::Ready, &["GET", "HEAD"], "GET, HEAD, OPTIONS"),
            [".well-known", "openid-configuration"] => (
                Route::OpenIdConfiguration,
                &["GET", "HEAD"],
                "GET, HEAD, OPTIONS",
            ),
            [".well-known", "jwks.json"] => (Route::Jwks, &["GET", "HEAD"], "GET, HEAD, OPTIONS"),
            ["metrics"] => (Route::Metrics, &["GET", "HEAD"], "GET, HEAD, OPTIONS"),
            ["v1", "events"] => (Route::PlainEvents, &["POST"], "POST"),
            ["v1", "apps", app_id, "events"] | ["v1", "apps", app_id, "events", "legacy"] => (
                Route::App {
                    app_id,
                    operation: AppOperation::PutEvents,
                },
                &["POST"],
                "POST, OPTIONS",
            ),
            ["v1", "apps", app_id, "endpoints", endpoint_id] if !endpoint_id.is_empty() => (
                Route::App {
                    app_id,
                    operation: AppOperation::UpdateEndpoint { endpoint_id },
                },
                &["PUT", "POST"],
                "PUT, POST, OPTIONS",
            ),
            _ => return Err(RequestError::NotFound),
        };
        if methods.contains(&method) {
            Ok(route)
        } else {
            Err(RequestError::MethodNotAllowed { allow })
        }
    }

    /// As the log names it.
    pub fn name(&self) -> &'static str {
        use AppOperation::{PutEvents, UpdateEndpoint};
        match self {
            Route::App {
                operation: PutEvents,
                ..
            } => "PutEvents",
            Route::App {
                operation: UpdateEndpoint { .. },
                ..
            } => "UpdateEndpoint",
            Route::PlainEvents => "PlainEvents",
            Route::CognitoIdentity => "CognitoIdentity",
            Route::Health => "Health",
            Route::Ready => "Ready",
            Route::OpenIdConfiguration => "OpenIdConfiguration",
            Route::Jwks => "Jwks",
            Route::Metrics => "Metrics",
            Route::Preflight => "Preflight",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_found() {
        const PUT_EVENTS: Route<'_> = Route::App {
            app_id: "a1",
            operation: AppOperation::PutEvents,
        };
        const UPDATE_ENDPOINT: Route<'_> = Route::App {
            app_id: "a1",
            operation: AppOperation::UpdateEndpoint {
                endpoint_id: "e%2F1",
            },
        };
        for (method, path, expected) in [
            ("POST", "/v1/apps/a1/events", PUT_EVENTS),
            ("POST", "/v1/apps/a1/events/legacy", PUT_EVENTS),
            ("PUT", "/v1/apps/a1/endpoints/e%2F1", UPDATE_ENDPOINT),
            ("POST", "/v1/apps/a1/endpoints/e%2F1", UPDATE_ENDPOINT),
            ("POST", "/v1/events", Route::PlainEvents),
            ("POST", "/", Route::CognitoIdentity),
            ("GET", "/healthz", Route::Health),
            ("HEAD", "/healthz", Route::Health),
            ("GET", "/readyz", Route::Ready),
            (
                "GET",
                "/.well-known/openid-configuration",
                Route::OpenIdConfiguration,
            ),
            ("GET", "/.well-known/jwks.json", Route::Jwks),
            ("GET", "/metrics", Route::Metrics),
            ("OPTIONS", "/anything", Route::Preflight),
        ] {
            assert_eq!(Route::find(method, path), Ok(expected), "{method} {path}");
        }
    }

    #[test]
    fn a_page_may_not_send_a_key() {
        assert_eq!(
            Route::find("OPTIONS", "/v1/events"),
            Err(RequestError::NotForPages)
        );
    }

    #[test]
    fn other_paths_are_not_found_and_other_methods_not_allowed() {
        for path in [
            "/v1/apps",
            "/v1/apps/a1",
            "/v1/apps/a1/events/",
            "/v1/events/",
            "/v1/apps/a1/endpoints/",
            "/v1/apps/a1/endpoints/e/1",
            "/v2/apps/a1/events",
            "//",
            "/healthz/x",
            "/1/2/3/4/5/6/7/8/9",
        ] {
            assert_eq!(
                Route::find("POST", path),
                Err(RequestError::NotFound),
                "{path}"
            );
        }
        for (method, path, allow) in [
            ("GET", "/v1/apps/a1/events", "POST, OPTIONS"),
            ("HEAD", "/v1/apps/a1/events", "POST, OPTIONS"),
            ("GET", "/v1/apps/a1/endpoints/e1", "PUT, POST, OPTIONS"),
            ("GET", "/", "POST, OPTIONS"),
            ("GET", "/v1/events", "POST"),
            ("POST", "/healthz", "GET, HEAD, OPTIONS"),
        ] {
            let expected = Err(RequestError::MethodNotAllowed { allow });
            assert_eq!(Route::find(method, path), expected, "{method} {path}");
        }
    }
}
