//! How many tests passed and failed, as the programs that run them say it.

/// How many tests passed and failed.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Passed.
    pub passed: u64,
    /// Failed, timed out or were cut short.
    pub failed: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// From nextest's line `Summary [ 1.2s] 5 tests run: 3 passed (1 slow), 1 failed, 1 timed out`.
pub fn nextest_counts(output: &str) -> Option<Counts> {
    let line = output.lines().rev().find(|line| line.contains(" run: "))?;
    let (_, counts) = line.split_once(" run: ")?;
    let passed = count_before(counts, " passed").unwrap_or(0);
    let failed = ["failed", "timed out", "exec failed"]
        .iter()
        .filter_map(|word| count_before(counts, &format!(" {word}")))
        .sum();
    (passed + failed > 0).then_some(Counts { passed, failed })
}

/// From libtest's lines `test result: ok. 3 passed; 1 failed; 0 ignored; ..`, one a program.
pub fn libtest_counts(output: &str) -> Option<Counts> {
    let mut total = Counts::default();
    for line in output
        .lines()
        .filter(|line| line.starts_with("test result: "))
    {
        total.passed += count_before(line, " passed").unwrap_or(0);
        total.failed += count_before(line, " failed").unwrap_or(0);
    }
    (total != Counts::default()).then_some(total)
}

/// From the last lines of Node's reporter: `ℹ pass 3`, `ℹ fail 1`, `ℹ cancelled 0`.
pub fn node_counts(output: &str) -> Option<Counts> {
    let count = |word: &str| {
        output.lines().rev().find_map(|line| {
            let (rest, number) = line.trim().rsplit_once(' ')?;
            rest.ends_with(word).then(|| number.parse::<u64>().ok())?
        })
    };
    let counts = Counts {
        passed: count("pass")?,
        failed: count("fail")? + count("cancelled")?,
    };
    (counts != Counts::default()).then_some(counts)
}

/// The tests that Node's reporter calls skipped or to do, with the reason: lines such as
/// `﹣ a name (0.3ms) # an engine cannot do it`.
pub fn left_out(output: &str) -> Vec<String> {
    let lines = output.lines().map(str::trim);
    let marked = lines.filter_map(|line| {
        let (test, reason) = line.strip_prefix("﹣ ")?.rsplit_once(" # ")?;
        let (name, _time) = test.rsplit_once(" (")?;
        Some(format!("{name} ({reason})"))
    });
    marked.collect()
}

/// The number that stands before `word`.
fn count_before(text: &str, word: &str) -> Option<u64> {
    let (before, _) = text.split_once(word)?;
    before
        .rsplit(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_nextest_says() {
        let output = "     Summary [   0.412s] 7 tests run: 4 passed (1 slow), 2 failed, 1 timed out, 3 skipped\n        FAIL [   0.1s] forebay-core a::b\nerror: test run failed\n";
        assert_eq!(
            nextest_counts(output),
            Some(Counts {
                passed: 4,
                failed: 3
            })
        );
        assert_eq!(nextest_counts("error: could not compile"), None);
        assert_eq!(
            nextest_counts("Summary [ 0s] 0 tests run: 0 passed, 0 skipped"),
            None
        );
    }

    #[test]
    fn adds_up_what_libtest_says() {
        let output = "test result: ok. 3 passed; 0 failed; 1 ignored\n\ntest result: FAILED. 1 passed; 2 failed; 0 ignored\n";
        assert_eq!(
            libtest_counts(output),
            Some(Counts {
                passed: 4,
                failed: 2
            })
        );
        assert_eq!(
            libtest_counts("test result: ok. 0 passed; 0 failed; 0 ignored"),
            None
        );
    }

    #[test]
    fn reads_what_was_left_out() {
        let output =
            "✔ one (1ms)\n  ﹣ two (with more) (0.2ms) # webkit: no command does it\nℹ skipped 1\n";
        assert_eq!(
            left_out(output),
            ["two (with more) (webkit: no command does it)"]
        );
    }

    #[test]
    fn reads_what_node_says() {
        let output = "✔ a pass 9\nℹ tests 5\nℹ pass 3\nℹ fail 1\nℹ cancelled 1\nℹ skipped 0\n\n✖ failing tests:\n";
        assert_eq!(
            node_counts(output),
            Some(Counts {
                passed: 3,
                failed: 2
            })
        );
        assert_eq!(node_counts("ℹ pass 0\nℹ fail 0\nℹ cancelled 0"), None);
        assert_eq!(node_counts("SyntaxError"), None);
    }
}
