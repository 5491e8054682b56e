//! What the project ships or runs, and how each part is built.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, command, output, root, run, target};
use crate::needs;
use crate::progress::Progress;
use crate::size::sizes;

const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The profile of the browser's module.
const BROWSER_PROFILE: &str = "browser";
/// That of the one that says what is wrong with an event, and is loaded for that alone; and the feature that
/// makes it.
const VIOLATIONS: &str = "violations";
/// What makes the browser's modules small. Loops and the ends of branches are left as they are: what makes
/// them cheaper elsewhere takes more locals, and is longer in WebAssembly. And a little more is inlined than
/// `opt-level = "z"` has it: less would be smaller before brotli, and is larger after it.
const SMALL: &str = "-Cllvm-args=-disable-lsr -Cllvm-args=-sink-common-insts=0 \
    -Cllvm-args=-inline-threshold=20";
/// The profile of what runs at the edge, and its vectors, which V8 has had since 2021.
const EDGE_PROFILE: &str = "edge";
const VECTORS: &str = "-Ctarget-feature=+simd128";

/// What wasm-opt is asked for; the smallest after brotli is shipped, since that is what travels.
/// `-Oz` by itself is not always it.
const OPTIMISATIONS: [&[&str]; 3] = [
    &["-Oz", "-Oz"],
    &[
        "-Oz",
        "--flatten",
        "--rereloop",
        "-Oz",
        "-Oz",
        "--dealign",
        "--converge",
    ],
    &["-O2"],
];

/// A part that can be built by itself.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The npm package: the WebAssembly of the browser and that of the tools, with their TypeScript
    /// faces.
    Sdk,
    /// The edge worker with its shim and glue.
    Edge,
    /// The npm package of the edge worker.
    Worker,
    /// The program that writes the lake.
    Lake,
    /// The demo page.
    Page,
}

impl Part {
    /// All parts, in the order in which they may be built one after the other.
    pub const ALL: [Part; 5] = [Part::Sdk, Part::Edge, Part::Worker, Part::Lake, Part::Page];

    /// The part a user calls `name`.
    pub fn named(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }

    /// What a user calls it.
    pub fn name(self) -> &'static str {
        match self {
            Part::Sdk => "sdk",
            Part::Edge => "edge",
            Part::Worker => "worker",
            Part::Lake => "lake",
            Part::Page => "page",
        }
    }
}

/// Where the edge worker is built to: `main.js`, `worker.js`, `index.js`, `index_bg.wasm`, snippets.
pub fn edge_folder() -> PathBuf {
    target().join("edge-worker")
}

/// The program that writes the lake.
pub fn lake_program() -> PathBuf {
    target().join("debug/forebay-lake")
}

/// Builds `parts` side by side, and what they need first.
pub fn build(progress: &Progress, parts: &[Part]) -> Result<()> {
    needs::wasm_target(progress)?;
    needs::node()?;
    let wants = |part| parts.contains(&part);
    std::thread::scope(|scope| {
        // Each first cargo run has a profile of its own, and so a lock of its own: they do not wait
        // for each other, and the one that links alone leaves the other core to the rest. The tools
        // wait for the edge worker, and find their crates compiled.
        let packages = scope.spawn(|| needs::packages(progress));
        let wants_sdk = [Part::Sdk, Part::Page, Part::Worker]
            .map(wants)
            .contains(&true);
        let sdk = scope.spawn(move || match wants_sdk {
            true => {
                let modules = sdk_modules(progress)?;
                tools_module(progress)?;
                Ok(Some(modules))
            }
            false => Ok(None),
        });
        let edge = scope.spawn(|| {
            if wants(Part::Edge) || wants(Part::Worker) {
                edge(progress)
            } else {
                Ok(())
            }
        });
        let lake = scope.spawn(|| {
            if wants(Part::Lake) {
                lake(progress)
            } else {
                Ok(())
            }
        });
        let browser = joined(packages).and(joined(sdk)).and_then(|modules| {
            if let Some(modules) = modules {
                sdk_package(progress, &modules)?;
            }
            if wants(Part::Page) {
                page(progress)
            } else {
                Ok(())
            }
        });
        browser.and(joined(edge)).and(joined(lake))?;
        if wants(Part::Worker) {
            worker_package(progress)?;
        }
        Ok(())
    })
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn edge(progress: &Progress) -> Result<()> {
    let module = cargo_wasm(
        progress,
        "edge worker: compile",
        "forebay-edge-worker",
        EDGE_PROFILE,
    )?;
    let folder = edge_folder();
    if is_fresh(&folder.join("index_bg.wasm"), &[&module])? {
        return edge_modules(&folder);
    }
    progress.step("edge worker: bindings", |_| {
        empty(&folder)?;
        Bindgen::new()
            .input_path(&module)
            .out_name("index")
            .module(true)?
            .typescript(false)
            // A trap leaves the instance in an unknown state. With these two the shim can throw
            // it away, so that a panic costs one request and not every later one.
            .reset_state_function(true)
            .force_enable_abort_handler(true)
            .generate(&folder)?;
        // Cloudflare's bundler does not know imports of a source yet, and means the same by this.
        let glue = folder.join("index.js");
        let text = std::fs::read_to_string(&glue)?;
        std::fs::write(&glue, text.replacen("import source ", "import ", 1))?;
        edge_modules(&folder)
    })
}

/// The worker's modules that are written by hand.
fn edge_modules(folder: &Path) -> Result<()> {
    for name in ["main.js", "worker.js"] {
        std::fs::copy(root().join("edge-worker").join(name), folder.join(name)).context(name)?;
    }
    Ok(())
}

/// The package of the edge worker, which uses the tools of the browser's package.
fn worker_package(progress: &Progress) -> Result<()> {
    let inputs = [
        edge_folder(),
        root().join("npm/src"),
        root().join("npm/worker/src"),
        root().join("npm/worker/build.mjs"),
        root().join("infra"),
    ];
    if is_fresh(&root().join("npm/worker/dist/cli.js"), &inputs)? {
        return Ok(());
    }
    let module = edge_fast(progress)?;
    progress.step("worker: package", |step| {
        let mut node = command("node", ["npm/worker/build.mjs"]);
        run(step, node.arg(edge_folder()).arg(module)).map(drop)
    })
}

/// The edge worker's module as it is shipped: faster, and without the names of its functions, which each
/// start of an isolate would read; gives its path. It takes a minute and more, so that what runs here does
/// without.
fn edge_fast(progress: &Progress) -> Result<PathBuf> {
    let module = edge_folder().join("index_bg.wasm");
    let made = target().join("edge-worker-fast/forebay.wasm");
    if is_fresh(&made, &[&module])? {
        return Ok(made);
    }
    progress.step("worker: wasm-opt", |_| {
        empty(made.parent().unwrap_or(&made))?;
        wasm_opt(&module, &["--all-features", "-O3"], &made)?;
        Ok(made)
    })
}

fn lake(progress: &Progress) -> Result<()> {
    progress.step("lake: compile", |step| {
        // Together, so that what both need is compiled once.
        let packages = ["--package", "forebay-lake", "--package", "forebay-lambda"];
        run(step, cargo(["build"]).args(packages)).map(drop)
    })
}

/// The lake as it is shipped, with what only the bench runs.
pub fn lake_release(progress: &Progress) -> Result<()> {
    progress.step("lake: compile for release", |step| {
        let words = ["build", "--release", "--package", "forebay-lake"];
        run(step, cargo(words).args(["--bins", "--examples"])).map(drop)
    })
}

/// The browser's modules: the one that every page loads, and the one that says what is wrong with an event.
/// They need no bindings: nothing but numbers crosses their boundary.
fn sdk_modules(progress: &Progress) -> Result<[PathBuf; 2]> {
    let module = |step, profile| cargo_wasm(progress, step, "forebay-sdk-wasm", profile);
    Ok([
        module("sdk: compile", BROWSER_PROFILE)?,
        module("sdk: compile violations", VIOLATIONS)?,
    ])
}

/// Where the module of `npx forebay` and its glue are made, before the package takes them.
fn tools_folder() -> PathBuf {
    target().join("schema-tools")
}

/// Runs on developers' machines, where its size matters little: built like the edge worker, whose
/// crates it shares.
fn tools_module(progress: &Progress) -> Result<()> {
    let module = cargo_wasm(
        progress,
        "tools: compile",
        "forebay-schema-tools",
        EDGE_PROFILE,
    )?;
    let (folder, name) = (tools_folder(), "forebay_schema_tools");
    if is_fresh(&folder.join(name).with_extension("js"), &[&module])? {
        return Ok(());
    }
    progress.step("tools: bindings", |_| {
        empty(&folder)?;
        Bindgen::new()
            .input_path(&module)
            .out_name(name)
            .web(true)?
            .typescript(true)
            .remove_name_section(true)
            // The package names the module itself, once.
            .omit_default_module_path(true)
            .generate(&folder)
    })
}

/// The npm package from the modules of browser and tools, the former as they were compiled, with the
/// TypeScript around them.
fn sdk_package(progress: &Progress, [module, violations]: &[PathBuf; 2]) -> Result<()> {
    let small = [
        sdk_small(progress, module, "forebay_wasm_bg")?,
        sdk_small(progress, violations, "violations")?,
    ];
    let [module, violations] = small.clone();
    let inputs = [
        module,
        violations,
        tools_folder(),
        root().join("npm/src"),
        root().join("npm/build.mjs"),
    ];
    if is_fresh(&root().join("npm/dist/tools.d.ts"), &inputs)? {
        return Ok(());
    }
    progress.step("sdk: package", |step| {
        let mut node = command("node", ["npm/build.mjs"]);
        run(step, node.args(small).arg(tools_folder())).map(drop)
    })
}

/// A module of the browser's made small; gives its path.
fn sdk_small(progress: &Progress, module: &Path, name: &str) -> Result<PathBuf> {
    let folder = target().join("sdk-wasm").join(name);
    let made = folder.join(format!("{name}.wasm"));
    if is_fresh(&made, &[module])? {
        return Ok(made);
    }
    progress.step(&format!("sdk: wasm-opt {name}"), |_| {
        empty(&folder)?;
        std::fs::write(&made, smallest(module, &made)?)?;
        Ok(made)
    })
}

/// The module after the optimisation that brotli likes best.
fn smallest(module: &Path, made: &Path) -> Result<Vec<u8>> {
    let mut candidates = Vec::new();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (OPTIMISATIONS.iter().enumerate())
            .map(|(index, flags)| {
                let made = made.with_extension(format!("{index}.wasm"));
                candidates.push(made.clone());
                scope.spawn(move || wasm_opt(module, flags, &made))
            })
            .collect();
        runs.into_iter().try_for_each(joined)
    })?;
    let sizes = sizes(&candidates)?;
    let least = candidates
        .iter()
        .zip(&sizes)
        .min_by_key(|(_, size)| size.brotli);
    let (best, _) = least.context("wasm-opt made nothing")?;
    Ok(std::fs::read(best)?)
}

fn wasm_opt(module: &Path, flags: &[&str], made: &Path) -> Result<()> {
    let mut node = command(
        "node",
        ["node_modules/binaryen/bin/wasm-opt".as_ref(), module],
    );
    node.args(flags).args([
        "--strip-debug",
        "--strip-producers",
        "--strip-target-features",
    ]);
    output(node.arg("-o").arg(made)).map(drop)
}

/// `npx forebay-worker replay` by itself: the page's server runs it, and the package of the worker takes a minute more.
pub fn replay_program() -> PathBuf {
    target().join("demo/replay.mjs")
}

fn replay(progress: &Progress) -> Result<()> {
    let made = replay_program();
    let source = root().join("npm/worker/src");
    if is_fresh(&made, &[source.clone(), root().join("npm/src/cli")])? {
        return Ok(());
    }
    progress.step("page: replay", |step| {
        let run_it = "--footer:js=process.exitCode = await replay.run(process.argv.slice(2));";
        let mut esbuild = command("node_modules/.bin/esbuild", [source.join("replay.ts")]);
        esbuild.args(["--bundle", "--platform=node", "--format=esm", run_it]);
        esbuild.arg(format!("--outfile={}", made.display()));
        run(step, &mut esbuild).map(drop)
    })
}

fn page(progress: &Progress) -> Result<()> {
    replay(progress)?;
    let made = root().join("demo-react/dist/index.html");
    let demo = root().join("demo-react");
    let mut inputs: Vec<PathBuf> = [
        "src",
        "public",
        "index.html",
        "vite.config.ts",
        "package.json",
        "forebay.schema.json",
        "forebay.config.json",
    ]
    .iter()
    .map(|name| demo.join(name))
    .collect();
    inputs.push(root().join("npm/dist"));
    if is_fresh(&made, &inputs)? {
        return Ok(());
    }
    progress.step("page: build", |step| {
        let mut check = command("node", ["../npm/bin/forebay.js", "codegen", "--check"]);
        run(step, check.current_dir(demo))?;
        let mut build = command("npm", ["run", "build", "--workspace", "demo-react"]);
        run(step, &mut build).map(drop)
    })
}

/// Compiles a crate to WebAssembly; gives the path of the module.
fn cargo_wasm(progress: &Progress, step: &str, package: &str, profile: &str) -> Result<PathBuf> {
    let arguments = [
        "build",
        "--package",
        package,
        "--target",
        WASM_TARGET,
        "--profile",
        profile,
    ];
    let mut cargo = cargo(arguments);
    if profile == VIOLATIONS {
        cargo.args(["--features", VIOLATIONS]);
    }
    if matches!(profile, BROWSER_PROFILE | VIOLATIONS) {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", SMALL);
    }
    if profile == EDGE_PROFILE {
        cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUSTFLAGS", VECTORS);
    }
    progress.step(step, |step| run(step, &mut cargo))?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target().join(WASM_TARGET).join(profile).join(name))
}

/// Whether `made` is newer than this program and than everything in `inputs`. An input that does
/// not exist (an optional folder) is older than anything.
fn is_fresh(made: &Path, inputs: &[impl AsRef<Path>]) -> Result<bool> {
    let Some(made) = newest(made)? else {
        return Ok(false);
    };
    let mut changed = newest(&std::env::current_exe()?)?;
    for input in inputs {
        changed = changed.max(newest(input.as_ref())?);
    }
    Ok(Some(made) > changed)
}

/// When a file, or the newest file below a folder, was written; `None` where there is none.
fn newest(path: &Path) -> Result<Option<SystemTime>> {
    let Ok(metadata) = path.metadata() else {
        return Ok(None);
    };
    if !metadata.is_dir() {
        return Ok(Some(metadata.modified()?));
    }
    let mut newest_of_all = None;
    for entry in path.read_dir()? {
        newest_of_all = newest_of_all.max(newest(&entry?.path())?);
    }
    Ok(newest_of_all)
}

fn empty(folder: &Path) -> Result<()> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}
