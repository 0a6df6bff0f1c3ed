//! Names of users and groups inside a container, from its own files.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};

use crate::error::Error;

/// Most bytes that are read of a file of accounts, and most accounts that are kept of it.
const MOST_BYTES: u64 = 1024 * 1024;
const MOST_ACCOUNTS: usize = 4096;

/// Users and groups by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Names of users by uid.
    pub users: BTreeMap<u32, String>,
    /// Names of groups by gid.
    pub groups: BTreeMap<u32, String>,
}

impl Accounts {
    /// Reads the users and groups that a process sees (`/etc/passwd`, `/etc/group` below its root). Reads files: not for
    /// a thread that must not wait.
    pub fn of_process(pid: u32) -> Result<Self, Error> {
        Self::below(&PathBuf::from(format!("/proc/{pid}/root")))
    }

    /// Reads the users and groups below a root. Symbolic links cannot lead out of it.
    pub fn below(root: &Path) -> Result<Self, Error> {
        let read = |name: &str| read_below(root, name).map(|text| names_by_number(&text));
        Ok(Self {
            users: read("etc/passwd")?,
            // Images without groups are common.
            groups: read("etc/group").unwrap_or_default(),
        })
    }
}

/// Reads a regular file below a root that others fill.
fn read_below(root: &Path, name: &str) -> Result<Vec<u8>, Error> {
    let path = root.join(name);
    let failed = |source: std::io::Error| Error::File {
        path: path.clone(),
        source,
    };
    let directory = openat(
        CWD,
        root,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|error| failed(error.into()))?;
    // A pipe in the place of the file must not hold us up.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let file = openat2(&directory, name, flags, Mode::empty(), resolve)
        .map_err(|error| failed(error.into()))?;
    let file = File::from(file);
    if !file.metadata().map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    let mut text = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut text);
    read.map_err(failed)?;
    if text.len() as u64 > MOST_BYTES {
        return Err(Error::TooLong {
            path,
            limit: MOST_BYTES,
        });
    }
    Ok(text)
}

/// The names in a file of `name:password:number:…` lines. The first name of a number counts, as for the C library.
fn names_by_number(text: &[u8]) -> BTreeMap<u32, String> {
    let mut names = BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let mut fields = line.split(|byte| *byte == b':');
        let (Some(name), Some(_), Some(number)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let number = str::from_utf8(number)
            .ok()
            .and_then(|text| text.parse().ok());
        if let Some(number) = number
            && !name.is_empty()
            && names.len() < MOST_ACCOUNTS
        {
            names
                .entry(number)
                .or_insert_with(|| String::from_utf8_lossy(name).into_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn accounts_are_read_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let passwd =
            "root:x:0:0::/:/bin/sh\n# note\nweb:x:33:33::/:\nalias:x:33:33::/:\nbad:x:y:\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        let accounts = Accounts::below(root.path()).unwrap();
        let expected = [(0, "root".to_owned()), (33, "web".to_owned())];
        assert_eq!(accounts.users, expected.into());
        assert!(accounts.groups.is_empty());
    }

    #[test]
    fn links_stay_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        let etc = root.path().join("etc");
        fs::create_dir(&etc).unwrap();
        let outside = tempfile::NamedTempFile::new().unwrap();
        fs::write(outside.path(), "leaked:x:1:1::/:\n").unwrap();
        symlink(outside.path(), etc.join("passwd")).unwrap();
        assert!(matches!(
            Accounts::below(root.path()),
            Err(Error::File { .. })
        ));
        fs::write(etc.join("real"), "web:x:1:1::/:\n").unwrap();
        fs::remove_file(etc.join("passwd")).unwrap();
        symlink("/etc/real", etc.join("passwd")).unwrap();
        assert_eq!(Accounts::below(root.path()).unwrap().users[&1], "web");
    }

    #[test]
    fn what_is_no_file_or_too_long_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let passwd = root.path().join("etc/passwd");
        fs::create_dir_all(&passwd).unwrap();
        assert!(Accounts::below(root.path()).is_err());
        fs::remove_dir(&passwd).unwrap();
        fs::write(&passwd, vec![b'x'; MOST_BYTES as usize + 1]).unwrap();
        assert!(matches!(
            Accounts::below(root.path()),
            Err(Error::TooLong { .. })
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = names_by_number(&text);
        }
    }
}
