//! Data points for Cloudflare's Analytics Engine.

use js_sys::{Array, Function, Object, Reflect};
use worker::Env;
use worker::wasm_bindgen::{JsCast, JsValue};

use crate::config::Config;
use crate::metrics::points::Point;

/// Writes points, which are made only where a dataset is configured. No answer waits for it, and a failure is
/// ignored: points are numbers for an operator, and never hold up an event.
pub fn write(env: &Env, config: &Config, points: impl FnOnce() -> Vec<Point>) {
    let Some(binding) = &config.analytics else {
        return;
    };
    let _ = write_all(env, binding, points());
}

fn write_all(env: &Env, binding: &str, points: Vec<Point>) -> Result<(), JsValue> {
    let dataset = Reflect::get(env, &binding.into())?;
    let method = Reflect::get(&dataset, &"writeDataPoint".into())?;
    let write: Function = method.dyn_into()?;
    for point in points {
        let value = Object::new();
        let blobs: Array = point.blobs.into_iter().map(JsValue::from).collect();
        let doubles: Array = point.doubles.into_iter().map(JsValue::from).collect();
        Reflect::set(&value, &"indexes".into(), &Array::of1(&point.index.into()))?;
        Reflect::set(&value, &"blobs".into(), &blobs)?;
        Reflect::set(&value, &"doubles".into(), &doubles)?;
        write.call1(&dataset, &value)?;
    }
    Ok(())
}
