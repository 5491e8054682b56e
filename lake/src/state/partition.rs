//! The state of a partition whose files were merged: which files hold the rows now, and whose rows they are.

use serde::{Deserialize, Serialize};

use super::{Damage, FileEntry, seal, unseal};

/// The folder of the state of all partitions.
pub const PARTITIONS_FOLDER: &str = "_state/partitions";
/// How the name of a merged file begins. No file of a cut is named like this.
const MERGED: &str = "merged.";

/// What merges have made of one partition. Kept as one sealed JSON file for each partition that was ever merged.
///
/// `rows of replaced + adopted = rows of files + duplicates + forgotten + lost`
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Partition {
    /// How many merges were begun. The files of a merge have its number in their names.
    pub merges: u64,
    /// The files that merges wrote and that hold rows now.
    pub files: Vec<FileEntry>,
    /// The files of cuts whose rows these are.
    pub replaced: Vec<Replaced>,
    /// Rows that were a second copy of another row in the partition.
    pub duplicates: u64,
    /// Rows that were taken out for good.
    pub forgotten: u64,
    /// After a repair: rows of merged files that were damaged, or of which nothing else is known.
    pub lost: u64,
    /// After a repair: rows of merged files of which nobody knows the cut.
    pub adopted: u64,
    /// Whether the last merge was begun and not committed: its files may or may not be there, and are of no use.
    pub is_pending: bool,
    /// Files that the last merge has replaced, until all of them are deleted.
    pub replacing: Vec<String>,
}

/// A file of a cut whose rows were merged into other files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// Its path below the root of the lake.
    pub path: String,
    /// How many rows it had.
    pub rows: u64,
}

/// What a merge has done.
#[derive(Debug, Default)]
pub struct Merge {
    /// The files that were read, with their rows.
    pub inputs: Vec<Replaced>,
    /// The files that were written.
    pub files: Vec<FileEntry>,
    /// Rows that were left out because another row of the partition has their event id.
    pub duplicates: u64,
    /// Rows that were left out because they were to be forgotten.
    pub forgotten: u64,
}

impl Partition {
    /// Where it is kept. `folder` is that of the partition's files: `events/<table>/year=../month=../day=..`.
    pub fn path(folder: &str) -> String {
        let folder = folder.strip_prefix("events/").unwrap_or(folder);
        format!("{PARTITIONS_FOLDER}/{folder}.json")
    }

    /// The folder of a partition whose state is kept there.
    pub fn folder_of(path: &str) -> Option<String> {
        let folder = path.strip_prefix(PARTITIONS_FOLDER)?.strip_prefix('/')?;
        Some(format!("events/{}", folder.strip_suffix(".json")?))
    }

    /// Whether a merge has written the file.
    pub fn is_merged(path: &str) -> bool {
        let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
        name.starts_with(MERGED)
    }

    /// The name of a file of the merge that is under way.
    pub fn file_name(&self, folder: &str, number: usize) -> String {
        format!("{folder}/{MERGED}{:06}.{number:03}.parquet", self.merges)
    }

    /// A merge begins: to be written before its files are.
    pub fn begin(&mut self) {
        self.merges += 1;
        self.is_pending = true;
    }

    /// The files of a merge are written. From now on the files that it replaces may be deleted.
    pub fn commit(&mut self, merge: Merge) {
        self.is_pending = false;
        self.duplicates += merge.duplicates;
        self.forgotten += merge.forgotten;
        for input in merge.inputs {
            self.replacing.push(input.path.clone());
            if Partition::is_merged(&input.path) {
                self.files.retain(|file| file.path != input.path);
                continue;
            }
            // A cut that somebody else makes again, with other ends, has a file of the same name.
            match self.replaced.iter_mut().find(|old| old.path == input.path) {
                Some(old) => old.rows += input.rows,
                None => self.replaced.push(input),
            }
        }
        self.files.extend(merge.files);
    }

    /// Whether it names the file, or knows it to be of no use.
    pub fn knows(&self, path: &str) -> bool {
        self.names(path) || self.is_stray(path)
    }

    /// Whether the file is of a merge that was not committed: the last one, or one before whose process was paused
    /// and wrote it later.
    pub fn is_stray(&self, path: &str) -> bool {
        merge_of(path).is_some_and(|merge| merge <= self.merges) && !self.names(path)
    }

    fn names(&self, path: &str) -> bool {
        let in_force = self.files.iter().any(|file| file.path == path);
        in_force || self.replacing.iter().any(|other| other == path)
    }

    /// Whether the rows of the files that were replaced are accounted for.
    pub fn adds_up(&self) -> bool {
        let replaced: u64 = self.replaced.iter().map(|file| file.rows).sum();
        let files = self.files.iter().map(|file| file.rows.unwrap_or_default());
        let left_out = self.duplicates + self.forgotten + self.lost;
        replaced + self.adopted == files.sum::<u64>() + left_out
    }

    /// Counts on from the merges that the names of the files tell of.
    pub fn number_after_files(&mut self) {
        let numbers = self.files.iter().filter_map(|file| merge_of(&file.path));
        self.merges = numbers.max().unwrap_or_default();
    }

    /// As it is written.
    ///
    /// # Errors
    /// Where JSON cannot be written; not known to happen.
    pub fn to_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        Ok(seal(&serde_json::to_string(self)?).into_bytes())
    }

    /// Reads [`Partition::to_bytes`].
    ///
    /// # Errors
    /// [`Damage`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Partition, Damage> {
        let senseless = |reason: String| Damage::Senseless(reason);
        let partition: Partition =
            serde_json::from_str(&unseal(bytes)?).map_err(|error| senseless(error.to_string()))?;
        if !partition.adds_up() {
            return Err(senseless("its rows do not add up".to_owned()));
        }
        Ok(partition)
    }
}

/// The number of the merge that wrote a file.
fn merge_of(path: &str) -> Option<u64> {
    let (_, name) = path.rsplit_once('/')?;
    name.strip_prefix(MERGED)?.split('.').next()?.parse().ok()
}
