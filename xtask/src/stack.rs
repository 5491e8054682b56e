//! `cargo xtask stack`: a Kinesis, the edge worker and the lake, on 127.0.0.1.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forebay_core::schema::Schema;
use serde_json::{Value, json};

use crate::command::{command, output, root};
use crate::parts::lake_program;
use crate::supervise::Supervisor;
use crate::worker::{MASTER_SECRETS, PII_SALT, WorkerConfig, write_config};

const APP_ID: &str = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const IDENTITY_POOL_ID: &str = "us-east-1:f0e1d2c3-0000-4000-8000-000000000001";
const REGION: &str = "us-east-1";
const STREAM: &str = "forebay-events";
const SHARDS: u8 = 2;
const DEAD_LETTER_STREAM: &str = "forebay-dead-letters";
const DEAD_LETTER_SHARDS: u8 = 1;
/// How long a program may take until it can be used.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the worker is asked whether it is well.
const HEALTH_POLL: Duration = Duration::from_millis(50);

/// `request.cf` where nobody says otherwise.
pub const DEFAULT_CF: &str = r#"{"country":"DE","region":"Berlin","regionCode":"BE","city":"Berlin","continent":"EU","postalCode":"10115","latitude":"52.53","longitude":"13.38","timezone":"Europe/Berlin","isEUCountry":"1","colo":"TXL","asn":64496,"asOrganization":"Example"}"#;

/// A port as a user asks for it.
#[derive(Clone, Copy)]
pub enum Port {
    /// This one, or an error. 0 takes any free one.
    Exactly(u16),
    /// This one, or another where it is taken.
    Preferably(u16),
}

impl Port {
    /// The port to listen on; 0 for any free one. `option` is what the user would type.
    pub fn choose(self, option: &str) -> Result<u16> {
        let (Port::Exactly(port) | Port::Preferably(port)) = self;
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => Ok(port),
            Err(error) => match self {
                Port::Preferably(_) => Ok(0),
                Port::Exactly(_) if error.kind() == ErrorKind::AddrInUse => bail!(
                    "port {port} is taken: stop what listens there, choose another port with \
                     {option}, or leave {option} out to get a free one"
                ),
                Port::Exactly(_) => Err(error).with_context(|| format!("port {port}")),
            },
        }
    }
}

/// What a stack is started with.
#[derive(Clone)]
pub struct Options {
    /// Where the lake is; a new folder when it is not said.
    pub lake: Option<PathBuf>,
    /// Whether the lake runs.
    pub with_lake: bool,
    /// The schema file.
    pub schema: PathBuf,
    /// Where the worker listens.
    pub edge_port: Port,
    /// Where Kinesis listens.
    pub kinesis_port: Port,
    /// What the worker takes for Kinesis, e.g. a proxy before it.
    pub kinesis_url: Option<String>,
    /// JSON text of `request.cf`.
    pub cf: String,
    /// Sinks that are not required, as the worker's configuration has them, without an endpoint. Each is a Kinesis
    /// stream of its own.
    pub sinks: Vec<Value>,
    /// A key that may send events of every type and read the worker's metrics.
    pub key: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            lake: None,
            with_lake: true,
            schema: root().join("demo-react/forebay.schema.json"),
            edge_port: Port::Preferably(8787),
            kinesis_port: Port::Preferably(4567),
            kinesis_url: None,
            cf: DEFAULT_CF.to_owned(),
            sinks: Vec::new(),
            key: None,
        }
    }
}

/// A running stack. Stops when it is dropped.
pub struct Stack {
    /// Its programs.
    pub supervisor: Supervisor,
    /// Where they log to.
    pub logs: PathBuf,
    /// What another program has to know to use it: the line that `cargo xtask stack` prints.
    pub description: Value,
}

/// What is wrong with the options is said before anything is built.
pub fn check(options: &Options) -> Result<()> {
    let path = options.schema.display();
    let text = std::fs::read(&options.schema).with_context(|| format!("the schema {path}"))?;
    if let Err(mistakes) = Schema::parse(&text) {
        let lines: Vec<String> = mistakes
            .iter()
            .map(|mistake| format!("  {path}#{}: {}", mistake.path, mistake.message))
            .collect();
        bail!("the schema cannot be used:\n{}", lines.join("\n"));
    }
    let cf: Value = serde_json::from_str(&options.cf).context("--cf is not JSON")?;
    if !cf.is_object() {
        bail!("--cf is not a JSON object, such as {{\"country\":\"DE\"}}");
    }
    options.edge_port.choose("--edge-port")?;
    options.kinesis_port.choose("--kinesis-port")?;
    Ok(())
}

/// Starts the programs one after the other; each is ready when the next one needs it.
pub fn start(options: &Options) -> Result<Stack> {
    let run = run_folder()?;
    let mut supervisor = Supervisor::new(&run)?;
    let kinesis = start_kinesis(&mut supervisor, options)?;
    let edge = start_worker(&mut supervisor, options, &run, &kinesis)?;
    let lake = match &options.lake {
        Some(folder) => std::path::absolute(folder)?,
        None => run.join("lake"),
    };
    std::fs::create_dir_all(&lake).with_context(|| lake.display().to_string())?;
    if options.with_lake {
        start_lake(&mut supervisor, options, &kinesis, &lake)?;
    }
    wait_until_healthy(&mut supervisor, &edge)?;
    let description = json!({
        "edge": edge,
        "kinesis": kinesis,
        "stream": STREAM,
        "dead_letter_stream": DEAD_LETTER_STREAM,
        "lake": lake,
        "logs": run,
        "schema": std::path::absolute(&options.schema)?,
        "app_id": APP_ID,
        "identity_pool_id": IDENTITY_POOL_ID,
        "region": REGION,
    });
    Ok(Stack {
        supervisor,
        logs: run,
        description,
    })
}

fn start_kinesis(supervisor: &mut Supervisor, options: &Options) -> Result<String> {
    let port = options.kinesis_port.choose("--kinesis-port")?;
    let mut node = command(
        "node",
        ["xtask/scripts/kinesis.mjs", "--port", &port.to_string()],
    );
    node.arg("--stream").arg(format!("{STREAM}:{SHARDS}"));
    node.arg("--stream")
        .arg(format!("{DEAD_LETTER_STREAM}:{DEAD_LETTER_SHARDS}"));
    for stream in options
        .sinks
        .iter()
        .filter_map(|sink| sink["stream"].as_str())
    {
        node.arg("--stream").arg(format!("{stream}:1"));
    }
    supervisor.start("kinesis", &mut node)?;
    supervisor.wait_for(READY_TIMEOUT, |line| {
        line.strip_prefix("ready ").map(str::to_owned)
    })
}

fn start_worker(
    supervisor: &mut Supervisor,
    options: &Options,
    run: &Path,
    kinesis: &str,
) -> Result<String> {
    let sinks = options.sinks.iter().cloned().map(|mut sink| {
        sink["endpoint"] = kinesis.into();
        sink
    });
    let forebay = json!({
        "region": REGION,
        "apps": [{ "app_id": APP_ID, "identity_pool_id": IDENTITY_POOL_ID }],
        "kinesis": {
            "endpoint": options.kinesis_url.as_deref().unwrap_or(kinesis),
            "region": REGION,
            "stream": STREAM,
            "dead_letter_stream": DEAD_LETTER_STREAM,
        },
        "sinks": sinks.collect::<Vec<_>>(),
        "aws_account_id": null,
    });
    let keys = match &options.key {
        Some(key) => vec![
            ("SERVER_KEYS", server_keys(key)?),
            ("METRICS_KEY", key.clone()),
        ],
        None => Vec::new(),
    };
    let names: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
    let config = write_config(
        &run.join("worker"),
        &WorkerConfig {
            address: format!("127.0.0.1:{}", options.edge_port.choose("--edge-port")?),
            cf: &options.cf,
            forebay: forebay.to_string(),
            schema: &std::fs::read_to_string(&options.schema)?,
            secrets: &names,
        },
    )?;
    // Control messages on standard output say which port it got.
    let mut workerd = command(workerd_program()?, ["serve", "--control-fd=1"]);
    workerd
        .arg(config)
        .env(MASTER_SECRETS, kept("master-secrets.json", master_secrets)?)
        .env(PII_SALT, kept("pii-salt", |secret| secret)?)
        .envs(keys);
    supervisor.start("worker", &mut workerd)?;
    let port = supervisor.wait_for(READY_TIMEOUT, |line| {
        let message: Value = serde_json::from_str(line).ok()?;
        (message["event"] == "listen")
            .then(|| message["port"].as_u64())
            .flatten()
    })?;
    Ok(format!("http://127.0.0.1:{port}"))
}

/// The binding `SERVER_KEYS` of one bearer key, which the worker knows by its hash alone.
fn server_keys(key: &str) -> Result<String> {
    let hash = "require('crypto').createHash('sha256').update(process.argv[1]).digest('hex')";
    let sha256 = output(&mut command("node", ["--print", hash, key]))?;
    let key =
        json!({ "name": "stack", "sha256": sha256.trim_end(), "apps": [APP_ID], "may": ["*"] });
    Ok(json!([key]).to_string())
}

/// workerd itself: what the package calls `bin/workerd` may be a script that starts it, and would
/// be stopped in its place.
fn workerd_program() -> Result<String> {
    let path = output(&mut command(
        "node",
        ["--print", "require('workerd').default"],
    ))?;
    Ok(path.trim_end().to_owned())
}

fn start_lake(
    supervisor: &mut Supervisor,
    options: &Options,
    kinesis: &str,
    lake: &Path,
) -> Result<()> {
    let mut program = command(lake_program(), ["consume", "--stream", STREAM]);
    program.args(["--kinesis-endpoint", kinesis, "--region", REGION]);
    program
        .arg("--schema")
        .arg(std::path::absolute(&options.schema)?);
    // Rows show within seconds; in production a file holds minutes. So there are many files to merge.
    program.arg("--lake").arg(lake).args(["--max-seconds", "1"]);
    program.args(["--compact-seconds", "20"]);
    program
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local");
    program.env_remove("AWS_SESSION_TOKEN");
    // Not waited for: it reads the stream from its oldest record, whenever it begins.
    supervisor.start("lake", &mut program)
}

fn wait_until_healthy(supervisor: &mut Supervisor, edge: &str) -> Result<()> {
    let address = edge
        .trim_start_matches("http://")
        .parse()
        .context("the worker's address")?;
    let started = Instant::now();
    loop {
        let answer = health(address);
        // Alive, and with a configuration that can be used. Its streams need not be there yet.
        let is_well = |answer: &String| {
            answer.starts_with("HTTP/1.1 200") && answer.contains(r#""configuration":"ok""#)
        };
        if answer.as_ref().is_ok_and(is_well) {
            return Ok(());
        }
        supervisor.check()?;
        if started.elapsed() > READY_TIMEOUT {
            bail!("the worker does not say that it is well: {}", answer?);
        }
        std::thread::sleep(HEALTH_POLL);
    }
}

/// The whole answer to `GET /healthz`.
fn health(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, READY_TIMEOUT)?;
    stream.set_read_timeout(Some(READY_TIMEOUT))?;
    write!(
        stream,
        "GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The secrets behind the credentials that the worker issues.
fn master_secrets(secret: String) -> String {
    json!([{ "id": "1", "secret": secret }]).to_string()
}

/// 32 random bytes, in base64.
pub fn random_secret() -> Result<String> {
    let mut secret = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut secret)?;
    Ok(STANDARD.encode(secret))
}

/// What stands in the file `.forebay/<name>`. It is made once, of a random secret in base64, so that
/// what a page holds stays valid, and hashes stay the same, when the stack is started again.
fn kept(name: &str, make: impl FnOnce(String) -> String) -> Result<String> {
    let path = root().join(".forebay").join(name);
    if let Ok(text) = std::fs::read_to_string(&path) {
        return Ok(text);
    }
    let text = make(random_secret()?);
    // Written whole before it gets its name: stacks may start side by side.
    let draft = path.with_extension(std::process::id().to_string());
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    let named = std::fs::hard_link(&draft, &path);
    std::fs::remove_file(&draft)?;
    match named {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok(std::fs::read_to_string(&path)?)
        }
        other => other
            .map(|()| text)
            .with_context(|| path.display().to_string()),
    }
}

/// A new folder for what this run writes: kinesalite forgets its stream when it stops, so each run
/// has a lake of its own unless told otherwise. Folders of runs that have ended are removed.
fn run_folder() -> Result<PathBuf> {
    let all = root().join(".forebay");
    std::fs::create_dir_all(&all).with_context(|| all.display().to_string())?;
    for entry in all.read_dir()? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let run = name
            .strip_prefix("run-")
            .and_then(|rest| rest.split_once('-'));
        if let Some(process) = run.and_then(|(_, process)| process.parse().ok())
            && !is_running(process)
        {
            // Another stack that starts right now may remove it as well.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(all.join(format!("run-{seconds}-{}", std::process::id())))
}

fn is_running(process: i32) -> bool {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), None).is_ok()
}
