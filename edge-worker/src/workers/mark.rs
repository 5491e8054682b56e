//! Whose request runs. A trap ends the instance without a word about whom it hit: so each request
//! notes its number in memory while it runs, and worker.js reads it there afterwards.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};

use js_sys::Reflect;
use worker::Env;
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};

/// The number of the request that runs, or that was answered last; 0 while requests wait. There is one
/// thread; it is an atomic because a static has to be, to be written to.
static RUNNING: AtomicU32 = AtomicU32::new(0);

/// The number that worker.js gave a request, as a binding of its own.
pub fn number(env: &Env) -> u32 {
    number_of(env, "REQUEST_NUMBER")
}

/// How often the module has trapped, by worker.js's count.
pub fn traps(env: &Env) -> u32 {
    number_of(env, "TRAPS")
}

fn number_of(env: &Env, name: &str) -> u32 {
    let number = Reflect::get(env, &name.into()).ok();
    let number = number.and_then(|number| number.as_f64()).unwrap_or(0.0);
    // A whole number; anything else is none of worker.js's.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let number = number as u32;
    number
}

/// Runs a request's future, and notes whose it is whenever it runs.
pub async fn marked<T>(number: u32, future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    poll_fn(|context| {
        RUNNING.store(number, Ordering::Relaxed);
        let poll = future.as_mut().poll(context);
        // Once it is ready, the platform's library makes an answer of it before anything else runs.
        if poll.is_pending() {
            RUNNING.store(0, Ordering::Relaxed);
        }
        poll
    })
    .await
}

/// The instance's memory, in which [`running_address`] is one.
#[wasm_bindgen(js_name = instanceMemory)]
pub fn memory() -> JsValue {
    wasm_bindgen::memory()
}

/// Where the number of the request that runs stands, as 32 bits.
#[wasm_bindgen(js_name = runningAddress)]
pub fn running_address() -> *const u32 {
    RUNNING.as_ptr()
}
