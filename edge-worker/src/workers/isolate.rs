//! What an isolate keeps from one request to the next.

use std::cell::Cell;

use js_sys::{Object, Reflect};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::{Env, console_error};

use super::platform::{now, randomize};
use crate::config::{Bindings, Config, ConfigError};
use crate::isolate::Isolate;

/// The configuration, or what is wrong with it.
pub type Configuration = Result<Config, Vec<ConfigError>>;

thread_local! {
    /// Read with the first request: the bindings of an isolate never change.
    static CONFIGURATION: Cell<Option<&'static Configuration>> = const { Cell::new(None) };
    /// Made with the first request: before it, the platform has no randomness to give.
    static ISOLATE: Cell<Option<&'static Isolate>> = const { Cell::new(None) };
}

/// The configuration of this isolate.
pub fn configuration(env: &Env) -> &'static Configuration {
    if let Some(configuration) = CONFIGURATION.get() {
        return configuration;
    }
    let text = |name| binding(env, name).and_then(|value| value.as_string());
    let configuration = Config::read(Bindings {
        forebay: binding(env, "FOREBAY")
            .and_then(|value| serde_wasm_bindgen::from_value(value).ok()),
        schema: text("SCHEMA"),
        master_secrets: text("MASTER_SECRETS"),
        pii_salt: text("PII_SALT"),
        server_keys: text("SERVER_KEYS"),
        openid_keys: text("OPENID_KEYS"),
        metrics_key: text("METRICS_KEY"),
        partition_key_secret: text("PARTITION_KEY_SECRET"),
        kinesis_access_key_id: text("KINESIS_ACCESS_KEY_ID"),
        kinesis_secret_access_key: text("KINESIS_SECRET_ACCESS_KEY"),
        kinesis_session_token: text("KINESIS_SESSION_TOKEN"),
        sink_keys: text("SINK_KEYS"),
        bound: names(env),
    });
    for error in configuration.as_ref().err().into_iter().flatten() {
        console_error!("configuration: {error}");
    }
    // One for the isolate's life.
    let configuration = Box::leak(Box::new(configuration));
    CONFIGURATION.set(Some(configuration));
    configuration
}

/// What is bound to a name. workerd binds `null` where it is to take a value from an environment that
/// does not have it; the platform's crate takes what is bound to a name for an object, and panics.
fn binding(env: &Env, name: &str) -> Option<JsValue> {
    binding_of(env.unchecked_ref(), name)
}

fn binding_of(env: &Object, name: &str) -> Option<JsValue> {
    let value = Reflect::get(env, &name.into()).ok()?;
    (!value.is_null() && !value.is_undefined()).then_some(value)
}

/// The names that something is bound to.
fn names(env: &Env) -> Vec<String> {
    let env: &Object = env.unchecked_ref();
    let names = Object::keys(env);
    let names = names.iter().filter_map(|name| name.as_string());
    names
        .filter(|name| binding_of(env, name).is_some())
        .collect()
}

/// What this isolate keeps.
pub fn isolate(configuration: &Configuration) -> &'static Isolate {
    if let Some(isolate) = ISOLATE.get() {
        return isolate;
    }
    let mut secret = [0; 16];
    let secret = randomize(&mut secret).ok().map(|()| secret);
    // One for the isolate's life.
    let isolate = Box::leak(Box::new(Isolate::new(
        configuration.as_ref().ok(),
        secret,
        now(),
    )));
    ISOLATE.set(Some(isolate));
    isolate
}
