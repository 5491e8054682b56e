//! Helpers of the fuzz targets. Under cargo-fuzz libFuzzer looks for inputs; without it, the tests of this
//! workspace try some that are made of the vectors, so that every change meets every target.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

#[cfg(fuzzing)]
pub use libfuzzer_sys;

pub use arbitrary;

/// Defines rooms of the worker. It is no library: files of it are compiled here, under the names by which they
/// know each other.
macro_rules! of_the_worker {
    ($($(#[$path:meta])? $room:ident),+ $(,)?) => {
        $(
            #[allow(async_fn_in_trait, dead_code, unused_imports)]
            $(#[$path])?
            pub mod $room;
        )+
    };
}

of_the_worker!(
    #[path = "../../../edge-worker/src/budget.rs"]
    budget,
    delivery,
    enrich,
    http,
    identity,
    #[path = "../../../edge-worker/src/platform.rs"]
    platform,
    #[path = "../../../edge-worker/src/rates.rs"]
    rates,
    #[path = "../../../edge-worker/src/recent.rs"]
    recent,
    #[path = "../../../edge-worker/src/single_flight.rs"]
    single_flight,
);

/// Defines a target: what has to hold of any input of a type that bytes can be read as.
#[macro_export]
macro_rules! target {
    (|$input:ident: $kind:ty| $body:block) => {
        #[cfg(fuzzing)]
        $crate::libfuzzer_sys::fuzz_target!(|$input: $kind| $body);

        /// Tries some inputs.
        #[cfg(not(fuzzing))]
        #[allow(dead_code)]
        pub fn try_some() {
            $crate::try_some(|bytes| {
                let bytes = $crate::arbitrary::Unstructured::new(bytes);
                if let Ok($input) =
                    <$kind as $crate::arbitrary::Arbitrary>::arbitrary_take_rest(bytes)
                {
                    $body
                }
            });
        }

        #[cfg(not(fuzzing))]
        #[allow(dead_code)]
        fn main() {}
    };
}

/// How long each target is tried.
const TIME: Duration = Duration::from_secs(1);
/// Most bytes of an input.
const MOST_BYTES: usize = 4_096;
/// Words that change how a parser reads a text.
const WORDS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"",
    "\\",
    "\\ud800",
    "\\u0000",
    "null",
    "true",
    "1e999",
    "-0",
    "0.1",
    "9223372036854775808",
    "NaN",
    "\u{feff}",
    "é",
    "\r\n",
    "2026-02-29T24:00:00Z",
    "%2F",
    "=",
    "AWS4-HMAC-SHA256",
];

/// Calls `target` with inputs for a second: pieces of the vectors, spoilt in some places. They are the same
/// in each run.
#[allow(
    clippy::disallowed_methods,
    reason = "no code of core's asks for the time here"
)]
pub fn try_some(target: impl Fn(&[u8])) {
    let seeds = seeds();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let begun = Instant::now();
    let mut number = 0_u64;
    while begun.elapsed() < TIME {
        let input = input(&seeds, &mut random);
        let tried = catch_unwind(AssertUnwindSafe(|| target(&input)));
        if let Err(panic) = tried {
            eprintln!("input {number}: {:?}", input.escape_ascii().to_string());
            resume_unwind(panic);
        }
        number += 1;
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/vectors");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = files.map(|file| file.path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().flat_map(std::fs::read).collect();
    assert!(!seeds.is_empty(), "there are no vectors");
    seeds
}

fn input(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let seed = &seeds[random.below(seeds.len())];
    let start = random.below(seed.len());
    let rest = &seed[start..];
    let mut input = rest[..random.below(rest.len().min(MOST_BYTES)) + 1].to_vec();
    for _ in 0..random.below(6) {
        let at = random.below(input.len() + 1);
        match random.below(4) {
            0 if at < input.len() => input[at] = random.byte(),
            1 => {
                let word = WORDS[random.below(WORDS.len())].bytes();
                input.splice(at..at, word);
            }
            2 => input.truncate(at),
            _ => {
                let end = at + random.below(input.len() + 1 - at);
                input.drain(at..end);
            }
        }
    }
    // `Arbitrary` reads choices and numbers from the first bytes, and lengths from the last ones. The first and
    // last bytes of most texts are the same, and would give the same choices.
    if random.below(2) == 0 {
        let any = |random: &mut Random| -> Vec<u8> {
            let length = random.below(32);
            (0..length).map(|_| random.byte()).collect()
        };
        input.splice(..0, any(random));
        input.extend(any(random));
    }
    input
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        self.next() as u8
    }
}
