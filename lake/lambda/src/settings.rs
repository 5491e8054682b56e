//! The settings of a function, read from its environment variables.

use std::path::PathBuf;

use forebay_core::schema::Schema;
use forebay_lake::run::lambda::Destination;
use forebay_lake::store::bucket::Bucket;
use thiserror::Error;

/// Where the schema is, beside the program.
const SCHEMA_FILE: &str = "forebay.schema.json";

/// The settings of a function.
#[derive(Debug)]
pub struct Settings {
    /// Which function this is.
    pub function: Function,
    schema: PathBuf,
}

/// A function, and what it needs.
#[derive(Debug, PartialEq, Eq)]
pub enum Function {
    /// Records of Kinesis to files in the bucket.
    Stream(Bucket),
    /// Records of Firehose to rows.
    Transform(Destination),
    /// Records of a pipe to events.
    Enrichment,
    /// Small files in the bucket to few.
    Compact(Bucket),
}

/// A setting that is missing or wrong. Each text says what to do.
#[derive(Debug, Error)]
pub enum Mistake {
    /// There is none.
    #[error("{0} is not set: it has to be {1}")]
    Missing(&'static str, &'static str),
    /// It is something else.
    #[error("{0} is `{1}`: it has to be {2}")]
    Wrong(&'static str, String, &'static str),
    /// The schema.
    #[error("{path} is not a schema Forebay can use: {mistakes}; the zip has to have it")]
    Schema {
        /// The file.
        path: String,
        /// Each mistake in it.
        mistakes: String,
    },
}

impl Settings {
    /// Reads the environment by `get`.
    ///
    /// # Errors
    /// [`Mistake::Missing`], [`Mistake::Wrong`]
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Settings, Mistake> {
        let get = |name: &str| get(name).filter(|text| !text.is_empty());
        const HANDLER: (&str, &str) = ("_HANDLER", "stream, transform, enrichment or compact");
        let handler = get(HANDLER.0).ok_or(Mistake::Missing(HANDLER.0, HANDLER.1))?;
        let function = match handler.as_str() {
            "stream" => Function::Stream(bucket(&get)?),
            "transform" => Function::Transform(destination(&get)?),
            "enrichment" => Function::Enrichment,
            "compact" => Function::Compact(bucket(&get)?),
            _ => return Err(Mistake::Wrong(HANDLER.0, handler, HANDLER.1)),
        };
        let beside =
            || PathBuf::from(get("LAMBDA_TASK_ROOT").unwrap_or_default()).join(SCHEMA_FILE);
        Ok(Settings {
            function,
            schema: get("FOREBAY_SCHEMA").map_or_else(beside, PathBuf::from),
        })
    }

    /// The schema.
    ///
    /// # Errors
    /// [`Mistake::Schema`]
    pub fn schema(&self) -> Result<Schema, Mistake> {
        let mistake = |mistakes: String| Mistake::Schema {
            path: self.schema.display().to_string(),
            mistakes,
        };
        let text = std::fs::read(&self.schema).map_err(|error| mistake(error.to_string()))?;
        Schema::parse(&text).map_err(|mistakes| {
            let found = mistakes
                .iter()
                .map(|mistake| format!("{}: {}", mistake.path, mistake.message));
            mistake(found.collect::<Vec<_>>().join("; "))
        })
    }
}

fn bucket(get: &impl Fn(&str) -> Option<String>) -> Result<Bucket, Mistake> {
    const LAKE: (&str, &str) = ("FOREBAY_LAKE", "s3://BUCKET/PREFIX");
    let lake = get(LAKE.0).ok_or(Mistake::Missing(LAKE.0, LAKE.1))?;
    let (name, prefix) = match lake.strip_prefix("s3://") {
        Some(place) => place.split_once('/').unwrap_or((place, "")),
        None => ("", ""),
    };
    if name.is_empty() {
        return Err(Mistake::Wrong(LAKE.0, lake, LAKE.1));
    }
    Ok(Bucket {
        name: name.to_owned(),
        prefix: prefix.trim_end_matches('/').to_owned(),
        region: get("AWS_REGION").ok_or(Mistake::Missing("AWS_REGION", "the bucket's region"))?,
        // The name by which every AWS tool takes it.
        endpoint: get("AWS_ENDPOINT_URL_S3"),
    })
}

fn destination(get: &impl Fn(&str) -> Option<String>) -> Result<Destination, Mistake> {
    const DESTINATION: (&str, &str) = ("FOREBAY_DESTINATION", "iceberg or parquet");
    const DATABASE: (&str, &str) = ("FOREBAY_DATABASE", "the database of the tables in Glue");
    let destination = get(DESTINATION.0).ok_or(Mistake::Missing(DESTINATION.0, DESTINATION.1))?;
    match destination.as_str() {
        "iceberg" => Ok(Destination::Iceberg {
            database: get(DATABASE.0).ok_or(Mistake::Missing(DATABASE.0, DATABASE.1))?,
        }),
        "parquet" => Ok(Destination::Parquet),
        _ => Err(Mistake::Wrong(DESTINATION.0, destination, DESTINATION.1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Function, String> {
        let get = |name: &str| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        Settings::read(get)
            .map(|settings| settings.function)
            .map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn the_handler_says_which_function_it_is() {
        let lake = [
            ("_HANDLER", "stream"),
            ("FOREBAY_LAKE", "s3://lakes/a/b/"),
            ("AWS_REGION", "eu-north-1"),
        ];
        let bucket = Bucket {
            name: "lakes".to_owned(),
            prefix: "a/b".to_owned(),
            region: "eu-north-1".to_owned(),
            endpoint: None,
        };
        assert_eq!(read(&lake), Ok(Function::Stream(bucket)));
        let parquet = [
            ("_HANDLER", "transform"),
            ("FOREBAY_DESTINATION", "parquet"),
        ];
        assert_eq!(
            read(&parquet),
            Ok(Function::Transform(Destination::Parquet))
        );
        assert_eq!(
            read(&[("_HANDLER", "enrichment")]),
            Ok(Function::Enrichment)
        );
    }

    #[test]
    fn a_mistake_says_what_to_do() {
        let handler = "it has to be stream, transform, enrichment or compact";
        for (set, says) in [
            (&[][..], handler),
            (&[("_HANDLER", "index.handler")], handler),
            (&[("_HANDLER", "stream")], "FOREBAY_LAKE is not set"),
            (
                &[("_HANDLER", "stream"), ("FOREBAY_LAKE", "lakes")],
                "it has to be s3://BUCKET/PREFIX",
            ),
            (
                &[
                    ("_HANDLER", "transform"),
                    ("FOREBAY_DESTINATION", "iceberg"),
                ],
                "FOREBAY_DATABASE is not set",
            ),
        ] {
            let mistake = read(set).unwrap_err();
            assert!(mistake.contains(says), "{mistake}");
        }
    }
}
