//! The lake's functions for AWS Lambda. The function's setting Handler says which one this process is.

mod settings;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use forebay_core::time::Timestamp;
use forebay_lake::run::lambda::{
    Destination, STREAM_LIMITS, Streamed, enrichment, stream, transform,
};
use forebay_lake::source::credentials::Identity;
use forebay_lake::source::kinesis::http;
use forebay_lake::source::lambda_event::{
    BatchAnswer, FirehoseAnswer, FirehoseEvent, KinesisEvent, PipeRecord,
};
use forebay_lake::store::bucket;
use forebay_lake::table::Catalog;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use object_store::ObjectStore;
use serde::Serialize;
use serde_json::Value;

use settings::{Function, Settings};

fn main() -> ExitCode {
    // An invocation is alone in its process: one thread serves it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bootstrap: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Serves invocations until Lambda ends the process.
async fn serve() -> Result<(), Error> {
    let settings = Settings::read(|name| std::env::var(name).ok())?;
    let catalog = Catalog::new(settings.schema()?);
    match settings.function {
        Function::Stream(place) => {
            // A short wait: credentials are in the environment, and nothing else is asked.
            let wait = Duration::from_secs(2);
            let identity = Identity::of_environment(http(wait, 3 * wait)?, &place.region).await;
            let objects = bucket::open(&place, Arc::new(identity))?;
            let (catalog, objects) = (&catalog, &objects);
            let function = |event: LambdaEvent<KinesisEvent>| serve_stream(event, catalog, objects);
            lambda_runtime::run(service_fn(function)).await
        }
        Function::Transform(destination) => {
            let (catalog, destination) = (&catalog, &destination);
            let function = |event: LambdaEvent<FirehoseEvent>| async move {
                serve_transform(event.payload, catalog, destination)
            };
            lambda_runtime::run(service_fn(function)).await
        }
        Function::Enrichment => {
            let catalog = &catalog;
            let function = |event: LambdaEvent<Vec<PipeRecord>>| async move {
                serve_enrichment(&event.payload, catalog)
            };
            lambda_runtime::run(service_fn(function)).await
        }
    }
}

async fn serve_stream(
    event: LambdaEvent<KinesisEvent>,
    catalog: &Catalog,
    objects: &Arc<dyn ObjectStore>,
) -> Result<BatchAnswer, Error> {
    let done: Streamed = stream(event.payload, catalog, objects, STREAM_LIMITS).await;
    log("stream", &done)?;
    Ok(done.answer)
}

fn serve_transform(
    event: FirehoseEvent,
    catalog: &Catalog,
    destination: &Destination,
) -> Result<FirehoseAnswer, Error> {
    let done = transform(event, catalog, destination)?;
    for failure in &done.failures {
        log("transform", failure)?;
    }
    log("transform", &done.tally)?;
    Ok(done.answer)
}

fn serve_enrichment(records: &[PipeRecord], catalog: &Catalog) -> Result<Vec<Value>, Error> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let now = Timestamp(i64::try_from(since.as_millis())?);
    let (events, tally) = enrichment(records, catalog, now)?;
    log("enrichment", &tally)?;
    Ok(events)
}

/// A line of JSON for the log group.
fn log(function: &str, what: &impl Serialize) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Line<'l, T> {
        function: &'l str,
        #[serde(flatten)]
        what: &'l T,
    }
    println!("{}", serde_json::to_string(&Line { function, what })?);
    Ok(())
}
