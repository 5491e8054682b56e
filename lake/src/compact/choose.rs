//! Which files of a partition to merge.

/// A file of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its path below the root of the lake.
    pub path: String,
    /// Its length.
    pub bytes: u64,
}

/// So many small files of a day are merged to which more are to be expected.
const OPEN_FILES: usize = 16;
/// The same of a day that is settled.
const SETTLED_FILES: usize = 2;
/// With so many small files, a merge is worth to write a large one again.
const MANY_FILES: usize = 64;
/// Else a file is written again together with others that have at least the fourth part of its bytes: so a
/// row is not written again and again for each late event.
const GROWTH: u64 = 4;

/// The files to merge into one or more files of `target` bytes; empty where it is not worth it. `is_settled`:
/// few new files are to be expected, as the day of the partition is over.
pub fn choose(mut files: Vec<Candidate>, is_settled: bool, target: u64) -> Vec<Candidate> {
    files.retain(|file| file.bytes < target / 2);
    files.sort_by(|one, other| (one.bytes, &one.path).cmp(&(other.bytes, &other.path)));
    let least = match is_settled {
        true => SETTLED_FILES,
        false => OPEN_FILES,
    };
    if files.len() < MANY_FILES {
        let mut sum = 0;
        let smaller = files.iter().map(|file| {
            let before = sum;
            sum += file.bytes;
            (before, file.bytes)
        });
        let smaller: Vec<(u64, u64)> = smaller.collect();
        let worth = smaller
            .iter()
            .rposition(|(before, bytes)| *bytes <= before * GROWTH);
        files.truncate(worth.map_or(0, |last| last + 1));
    }
    match files.len() < least {
        true => Vec::new(),
        false => files,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1_024 * 1_024;
    const TARGET: u64 = 128 * MIB;

    fn chosen(bytes: &[u64], is_settled: bool) -> Vec<u64> {
        let files = bytes.iter().enumerate().map(|(number, bytes)| Candidate {
            path: number.to_string(),
            bytes: *bytes,
        });
        let chosen = choose(files.collect(), is_settled, TARGET);
        chosen.into_iter().map(|file| file.bytes).collect()
    }

    #[test]
    fn a_day_that_is_settled_is_merged_from_two_files_on() {
        assert_eq!(chosen(&[1], true), [0; 0]);
        assert_eq!(chosen(&[1, 1], true), [1, 1]);
        assert_eq!(chosen(&[1, 1], false), [0; 0]);
        assert_eq!(chosen(&[1; OPEN_FILES], false), [1; OPEN_FILES]);
    }

    #[test]
    fn a_full_file_is_left() {
        assert_eq!(chosen(&[TARGET, TARGET / 2, 5, 5], true), [5, 5]);
    }

    #[test]
    fn a_late_event_does_not_make_a_large_file_be_written_again() {
        assert_eq!(chosen(&[30 * MIB, 4_000], true), [0; 0]);
        assert_eq!(chosen(&[30 * MIB, 4_000, 4_000], true), [4_000, 4_000]);
        // Until there is much of it, or it is many files.
        assert_eq!(chosen(&[40 * MIB, 8 * MIB, 4_000], true), [0; 0]);
        let much = [4 * MIB, 4 * MIB, 30 * MIB];
        assert_eq!(chosen(&much, true), much);
        let mut many = vec![4_000; MANY_FILES - 1];
        many.push(30 * MIB);
        assert_eq!(chosen(&many, true), many);
    }

    #[test]
    fn every_row_is_written_a_few_times_at_most() {
        // A megabyte arrives a hundred times; a merge may follow each time.
        let mut files: Vec<u64> = Vec::new();
        let mut written = 0;
        for _ in 0..100 {
            files.push(MIB / 4);
            let merged = chosen(&files, true);
            let sum: u64 = merged.iter().sum();
            if sum > 0 {
                for bytes in merged {
                    let at = files.iter().position(|file| *file == bytes).unwrap();
                    files.remove(at);
                }
                files.push(sum);
                written += sum;
            }
        }
        let arrived = 100 * MIB / 4;
        assert!(written < 8 * arrived, "{}", written / arrived);
        assert!(files.len() < 8, "{files:?}");
    }
}
