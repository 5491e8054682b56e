//! The command line.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{PathBuf, absolute};
use std::time::Duration;

use forebay_aws_call::Endpoint;
use forebay_aws_call::kinesis::KINESIS;
use forebay_core::time::Timestamp;
use forebay_lake::compact::merge::Person;
use forebay_lake::cut::Limits;
use forebay_lake::run::{Settings, Start};
#[cfg(feature = "aws")]
use forebay_lake::store::bucket::Bucket;
use lexopt::prelude::{Long, Short, Value, ValueExt};

/// The text of `--help`.
pub const HELP: &str = "\
forebay-lake consume    read a stream of Kinesis and write Parquet files
forebay-lake verify     compare the files with the manifest; changes nothing
forebay-lake repair     rebuild state from files and stream, and files from the stream
forebay-lake compact    merge small files, where no consume does it
forebay-lake forget     take a person's rows out of all tables; stop consume first
forebay-lake replay     put rejected records through again, after a correction; stop consume first
forebay-lake reconcile  compare what the edge has accepted with what is in the lake; changes nothing
forebay-lake import     make rows of archives that Firehose wrote; stop consume first

  --lake FOLDER | s3://BUCKET/PREFIX
                           where the files are; consume makes a folder if it is not there
  --region NAME            the AWS region of stream and bucket (default: AWS_REGION)
  --s3-endpoint URL        the URL of S3 (default: AWS's own in the region)
consume and repair:
  --stream NAME            the stream
  --kinesis-endpoint URL   the URL of Kinesis (default: AWS's own in the region)
  --schema FILE            forebay.schema.json
consume: a batch becomes files as soon as one of these is reached:
  --max-rows N             records (default 100000)
  --max-bytes N            bytes of data (default 67108864)
  --max-seconds N          time since its first record (default 60)
  --files-without-state refuse | ignore
                           what to do with files that the state does not know of: end with an
                           error (default), or read the stream without regard to them

  --start trim-horizon | latest | TIME
                           where to begin a stream that was never read into this lake: with its
                           oldest record (default), with records that arrive from now on, or with
                           records since a time, e.g. 2026-11-30T00:00:00Z
  --reads-per-second N     reads of a shard that has nothing new, up to 5 (default 2)
  --give-up-seconds N      end after so many seconds of nothing but errors (default 900)
  --metrics ADDRESS:PORT   answer /metrics (OpenMetrics), /readyz and /healthz there
  --compact-seconds N      merge small files so often (default 300; 0: never)
import and replay:
  --schema FILE            forebay.schema.json
import:
  --archive FOLDER | s3://BUCKET/PREFIX
                           objects of NDJSON or of JSON one after the other, gzip or not
replay:
  --dead-letters           print the dead letters in the lake instead, for `npx forebay-worker replay -`,
                           which sends them through the edge again; needs no --schema
reconcile: what the edge has accepted, each as often as needed
  --accepted FILE          an event id a line, and after a space the time of its answer, if known
  --metrics FILE           the text of a worker's /metrics
  --stream NAME            look there for events that are missing (--kinesis-endpoint URL)
forget: whose rows, each as often as needed
  --user ID                rows with this user_id
  --client ID              rows with this client_id

Credentials come from where AWS's tools take them: environment, profile (AWS_PROFILE), web identity,
container, instance.
SIGTERM or SIGINT: write what has been read, and stop.
";

/// A mistake in the command line, in words for whoever typed it.
#[derive(Debug)]
pub struct Usage(pub String);

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Usage {
        Usage(error.to_string())
    }
}

/// What is to be done.
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Print the version.
    Version,
    /// Read a stream.
    Consume(Box<Stream>, Settings, Option<SocketAddr>),
    /// Look at a lake.
    Verify(Place),
    /// Mend a lake.
    Repair(Box<Stream>),
    /// Compare with what the edge has accepted: files of ids, and files of metrics. What is missing may be in a
    /// stream.
    Reconcile(Place, Vec<PathBuf>, Vec<PathBuf>, Option<Box<Source>>),
    /// Merge small files.
    Compact(Place),
    /// Take a person's rows out.
    Forget(Place, Person),
    /// Make rows of an archive.
    Import(Box<Import>),
    /// Put rejected records through again.
    Replay(Place, PathBuf, Limits),
    /// Print the dead letters.
    DeadLetters(Place),
}

/// A stream of Kinesis.
pub struct Source {
    /// Its name.
    pub stream: String,
    /// Its region.
    pub region: String,
    /// Where Kinesis answers.
    pub endpoint: Endpoint,
}

/// A stream, and the lake it is read into.
pub struct Stream {
    /// The stream.
    pub source: Source,
    /// The schema file.
    pub schema: PathBuf,
    /// The lake.
    pub lake: Place,
}

/// An archive, and the lake that it is imported into.
pub struct Import {
    /// The archive.
    pub archive: Place,
    /// The schema file.
    pub schema: PathBuf,
    /// The lake.
    pub lake: Place,
    /// When a batch becomes files.
    pub limits: Limits,
}

/// Where a lake or an archive is.
pub enum Place {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket.
    #[cfg(feature = "aws")]
    Bucket(Bucket),
}

impl Place {
    /// Whether another place is this one, or lies in it.
    pub fn has(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Folder(own), Place::Folder(other)) => {
                // One that is not there yet has no other name.
                let whole = |path: &PathBuf| path.canonicalize().or_else(|_| absolute(path));
                let found = whole(own).and_then(|own| Ok(whole(other)?.starts_with(own)));
                found.unwrap_or(false)
            }
            #[cfg(feature = "aws")]
            (Place::Bucket(own), Place::Bucket(other)) => {
                let parts = |bucket: &Bucket| PathBuf::from(&bucket.name).join(&bucket.prefix);
                parts(other).starts_with(parts(own))
            }
            #[cfg(feature = "aws")]
            _ => false,
        }
    }
}

const COMMANDS: [&str; 8] = [
    "consume",
    "verify",
    "repair",
    "compact",
    "forget",
    "import",
    "replay",
    "reconcile",
];

#[derive(Default)]
struct Words {
    stream: Option<String>,
    region: Option<String>,
    endpoint: Option<String>,
    schema: Option<PathBuf>,
    lake: Option<OsString>,
    archive: Option<OsString>,
    s3_endpoint: Option<String>,
}

/// Reads a command line without the program's name.
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, Usage> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let command = match parser.next()? {
        Some(Long("help") | Short('h')) => return Ok(Command::Help),
        Some(Long("version") | Short('V')) => return Ok(Command::Version),
        Some(Value(command)) => command.string()?,
        Some(other) => return Err(other.unexpected().into()),
        None => {
            return Err(Usage(format!(
                "a command is missing: {}",
                COMMANDS.join(", ")
            )));
        }
    };
    if !COMMANDS.contains(&command.as_str()) {
        let commands = COMMANDS.join(", ");
        return Err(Usage(format!("'{command}' is none of {commands}")));
    }
    let mut words = Words::default();
    let mut settings = default_settings();
    let mut metrics = None;
    let mut dead_letters = false;
    let mut person = Person::default();
    let (mut accepted, mut counters) = (Vec::new(), Vec::new());
    while let Some(argument) = parser.next()? {
        match (command.as_str(), argument) {
            (_, Long("help") | Short('h')) => return Ok(Command::Help),
            (_, Long("lake")) => words.lake = Some(parser.value()?),
            (_, Long("s3-endpoint")) => words.s3_endpoint = Some(parser.value()?.string()?),
            (_, Long("region")) => words.region = Some(parser.value()?.string()?),
            ("consume", Long("metrics")) => metrics = Some(parser.value()?.parse()?),
            ("forget", Long("user")) => {
                person.users.insert(parser.value()?.string()?);
            }
            ("forget", Long("client")) => {
                person.clients.insert(parser.value()?.string()?);
            }
            ("reconcile", Long("accepted")) => accepted.push(parser.value()?.into()),
            ("reconcile", Long("metrics")) => counters.push(parser.value()?.into()),
            ("reconcile", Long(name @ ("stream" | "kinesis-endpoint"))) => {
                let name = name.to_owned();
                words.take(&name, &mut parser)?;
            }
            ("replay", Long("dead-letters")) => dead_letters = true,
            ("import", Long("archive")) => words.archive = Some(parser.value()?),
            ("import" | "replay", Long("schema")) => words.schema = Some(parser.value()?.into()),
            ("import" | "replay", Long(name @ ("max-rows" | "max-bytes"))) => {
                let name = name.to_owned();
                set(&mut settings, &name, &mut parser)?;
            }
            ("consume" | "repair", Long(name)) => {
                let name = name.to_owned();
                let is_known = words.take(&name, &mut parser)?
                    || command == "consume" && set(&mut settings, &name, &mut parser)?;
                if !is_known {
                    return Err(lexopt::Arg::Long(&name).unexpected().into());
                }
            }
            (_, other) => return Err(other.unexpected().into()),
        }
    }
    match command.as_str() {
        "verify" => Ok(Command::Verify(words.place()?)),
        "reconcile" if accepted.is_empty() && counters.is_empty() => {
            Err(missing("--accepted or --metrics"))
        }
        "reconcile" => {
            let source = words.stream.is_some().then(|| words.source());
            let source = source.transpose()?.map(Box::new);
            let lake = words.place()?;
            Ok(Command::Reconcile(lake, accepted, counters, source))
        }
        "repair" => Ok(Command::Repair(Box::new(words.stream()?))),
        "compact" => Ok(Command::Compact(words.place()?)),
        "forget" if person == Person::default() => Err(missing("--user or --client")),
        "forget" => Ok(Command::Forget(words.place()?, person)),
        "replay" if dead_letters => Ok(Command::DeadLetters(words.place()?)),
        "replay" => {
            check_limits(&settings)?;
            let schema = words.schema.take().ok_or_else(|| missing("--schema"))?;
            Ok(Command::Replay(words.place()?, schema, settings.limits))
        }
        "import" => {
            check_limits(&settings)?;
            Ok(Command::Import(Box::new(words.import(settings.limits)?)))
        }
        _ => {
            check_limits(&settings)?;
            Ok(Command::Consume(
                Box::new(words.stream()?),
                settings,
                metrics,
            ))
        }
    }
}

fn check_limits(settings: &Settings) -> Result<(), Usage> {
    let limits = settings.limits;
    if limits.records == 0 || limits.bytes == 0 || settings.longest_wait.is_zero() {
        let what = "--max-rows, --max-bytes and --max-seconds must be more than 0";
        return Err(Usage(what.to_owned()));
    }
    Ok(())
}

fn default_settings() -> Settings {
    Settings {
        limits: Limits {
            records: 100_000,
            bytes: 64 * 1_024 * 1_024,
        },
        longest_wait: Duration::from_secs(60),
        ignore_unknown_files: false,
        idle_interval: Duration::from_millis(500),
        give_up_after: Duration::from_secs(900),
        start: Start::TrimHorizon,
        compact_every: Some(Duration::from_secs(300)),
    }
}

fn set(settings: &mut Settings, name: &str, parser: &mut lexopt::Parser) -> Result<bool, Usage> {
    match name {
        "max-rows" => settings.limits.records = parser.value()?.parse()?,
        "max-bytes" => settings.limits.bytes = parser.value()?.parse()?,
        "max-seconds" => {
            let seconds = parser.value()?.parse()?;
            settings.longest_wait = Duration::try_from_secs_f64(seconds).unwrap_or_default();
        }
        "reads-per-second" => {
            let reads: f64 = parser.value()?.parse()?;
            if !(reads > 0.0 && reads <= 5.0) {
                let what =
                    "--reads-per-second must be more than 0 and at most 5: Kinesis takes no more";
                return Err(Usage(what.to_owned()));
            }
            settings.idle_interval = Duration::from_secs_f64(1.0 / reads);
        }
        "give-up-seconds" => {
            let seconds = parser.value()?.parse()?;
            settings.give_up_after = Duration::from_secs(seconds);
        }
        "compact-seconds" => {
            let every = Duration::from_secs(parser.value()?.parse()?);
            settings.compact_every = Some(every).filter(|every| !every.is_zero());
        }
        "start" => settings.start = start(&parser.value()?.string()?)?,
        "files-without-state" => {
            settings.ignore_unknown_files = match parser.value()?.string()?.as_str() {
                "refuse" => false,
                "ignore" => true,
                other => {
                    let what = format!("--files-without-state '{other}' is not refuse or ignore");
                    return Err(Usage(what));
                }
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn start(text: &str) -> Result<Start, Usage> {
    match text {
        "trim-horizon" => Ok(Start::TrimHorizon),
        "latest" => Ok(Start::Latest),
        _ => Timestamp::parse_iso8601(text).map(Start::Time).ok_or_else(|| {
            Usage(format!(
                "--start '{text}' is not trim-horizon, latest or a time such as 2026-11-30T00:00:00Z"
            ))
        }),
    }
}

impl Words {
    fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, Usage> {
        match name {
            "stream" => self.stream = Some(parser.value()?.string()?),
            "kinesis-endpoint" => self.endpoint = Some(parser.value()?.string()?),
            "schema" => self.schema = Some(parser.value()?.into()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn region(&self) -> Result<String, Usage> {
        let region = self.region.clone().or_else(|| variable("AWS_REGION"));
        let region = region.or_else(|| variable("AWS_DEFAULT_REGION"));
        region.ok_or_else(|| missing("--region"))
    }

    fn place(&self) -> Result<Place, Usage> {
        self.place_of("--lake", self.lake.as_ref())
    }

    fn place_of(&self, option: &str, given: Option<&OsString>) -> Result<Place, Usage> {
        let given = given.ok_or_else(|| missing(option))?;
        let text = given.to_string_lossy();
        let Some(place) = text.strip_prefix("s3://") else {
            return Ok(Place::Folder(given.into()));
        };
        #[cfg(not(feature = "aws"))]
        return Err(Usage(format!(
            "{option} s3://{place}: this build has no S3"
        )));
        #[cfg(feature = "aws")]
        {
            let (name, prefix) = place.split_once('/').unwrap_or((place, ""));
            if name.is_empty() {
                return Err(Usage(format!("{option} '{text}' has no bucket")));
            }
            Ok(Place::Bucket(Bucket {
                name: name.to_owned(),
                prefix: prefix.trim_matches('/').to_owned(),
                region: self.region()?,
                endpoint: self.s3_endpoint.clone(),
            }))
        }
    }

    fn import(self, limits: Limits) -> Result<Import, Usage> {
        Ok(Import {
            archive: self.place_of("--archive", self.archive.as_ref())?,
            lake: self.place()?,
            schema: self.schema.ok_or_else(|| missing("--schema"))?,
            limits,
        })
    }

    fn source(&self) -> Result<Source, Usage> {
        let region = self.region()?;
        let endpoint = match &self.endpoint {
            Some(url) => Endpoint::parse(url)
                .map_err(|problem| Usage(format!("--kinesis-endpoint '{url}' {problem}")))?,
            None => Endpoint::of_region(&KINESIS, &region, false)
                .map_err(|problem| Usage(format!("the region '{region}' {problem}")))?,
        };
        Ok(Source {
            stream: self.stream.clone().ok_or_else(|| missing("--stream"))?,
            region,
            endpoint,
        })
    }

    fn stream(self) -> Result<Stream, Usage> {
        let source = self.source()?;
        let lake = self.place();
        Ok(Stream {
            source,
            schema: self.schema.ok_or_else(|| missing("--schema"))?,
            lake: lake?,
        })
    }
}

fn missing(option: &str) -> Usage {
    Usage(format!("{option} is missing"))
}

/// An environment variable that says something.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
