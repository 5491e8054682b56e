//! The side of the platform that is written in JavaScript: `host.js`, which says what each function does.

use js_sys::{Promise, Uint8Array};
use web_sys::{Request, Response};
use worker::wasm_bindgen::{self, JsValue, prelude::wasm_bindgen};

#[wasm_bindgen(module = "/src/workers/host.js")]
extern "C" {
    /// The head of a request, as lines.
    #[wasm_bindgen(js_name = headOf)]
    pub fn head_of(request: &Request) -> String;

    /// Promises the bytes of a request's body, or null where they have not come in time.
    #[wasm_bindgen(js_name = bodyOf)]
    pub fn body_of(request: &Request, most_ms: u32) -> Promise;

    /// Promises a [`Received`], or undefined where no answer came.
    pub fn send(
        method: &str,
        url: &str,
        headers: &str,
        body: &[u8],
        most_ms: u32,
        most_bytes: u32,
    ) -> Promise;

    /// The answer to a request.
    ///
    /// # Errors
    /// That of the platform, where it does not take the answer.
    #[wasm_bindgen(catch, js_name = answerOf)]
    pub fn answer_of(status: u16, headers: &str, body: &[u8]) -> Result<Response, JsValue>;

    /// The time now, as HTTP writes it.
    #[wasm_bindgen(js_name = httpDate)]
    pub fn http_date() -> String;

    /// The answer to a request of the worker's own.
    pub type Received;
    #[wasm_bindgen(method, getter)]
    pub fn status(this: &Received) -> u16;
    #[wasm_bindgen(method, getter, js_name = errorType)]
    pub fn error_type(this: &Received) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = retryAfter)]
    pub fn retry_after(this: &Received) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    pub fn body(this: &Received) -> Uint8Array;
}

/// Headers as they are handed over: name and value of each on lines of their own. Neither can have a line
/// break in it.
pub fn lines<'a>(headers: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut lines = String::new();
    for (name, value) in headers {
        for text in [name, value] {
            if !lines.is_empty() {
                lines.push('\n');
            }
            lines.push_str(text);
        }
    }
    lines
}
