//! The database backup of the production stack, with a stand-in for `pg_dump`.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::stage::{Run, Stage};

/// Dumps into the given file.
const DUMPS: &str = "for word; do case $word in --file=*) echo data >\"${word#--file=}\" ;; esac; done";
/// Writes a part and fails.
const BREAKS: &str =
    "for word; do case $word in --file=*) echo da >\"${word#--file=}\" ;; esac; done; exit 1";

fn stage(pg_dump: &str) -> Stage {
    let stage = Stage::new().with("pg_dump", pg_dump);
    let folder = stage.folder().join("backups");
    fs::create_dir(&folder).unwrap();
    stage
        .with_environment("BACKUP_FOLDER", &folder.display().to_string())
        .with_environment("DATABASE_URL", "postgresql://db.example/x")
        .with_environment("BACKUP_KEEP_DAYS", "30")
}

fn backup(stage: &Stage, word: &str) -> Run {
    let mut command = stage.command("compose/images/postgres/backup.sh");
    command.arg(word);
    stage.run(command)
}

/// A backup that is so many hours old.
fn aged(stage: &Stage, name: &str, hours: u64) -> PathBuf {
    let path = stage.folder().join("backups").join(name);
    let file = fs::File::create(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    path
}

fn files(stage: &Stage) -> Vec<String> {
    let entries = fs::read_dir(stage.folder().join("backups")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_written_whole_and_old_ones_go() {
    let stage = stage(DUMPS);
    aged(&stage, "old.dump", 31 * 24);
    aged(&stage, "kept.dump", 29 * 24);
    aged(&stage, "cut-short.dump.part", 1);
    let run = backup(&stage, "once");
    assert_eq!(run.code, 0, "{}", run.stderr);
    let names = files(&stage);
    assert_eq!((names.len(), names[1].as_str()), (2, "kept.dump"), "{names:?}");
    assert!(names[0].starts_with("20") && names[0].ends_with("Z.dump"), "{names:?}");
    assert!(run.stdout.contains("wrote") && run.stdout.contains("removed"), "{}", run.stdout);
}

#[test]
fn a_dump_that_fails_leaves_the_backups_that_there_are() {
    let stage = stage(BREAKS);
    aged(&stage, "old.dump", 31 * 24);
    assert_ne!(backup(&stage, "once").code, 0);
    assert_eq!(files(&stage), ["old.dump"]);
}

#[test]
fn it_is_fresh_as_long_as_the_last_backup_came_when_it_was_due() {
    let stage = stage(DUMPS);
    assert_ne!(backup(&stage, "is-fresh").code, 0, "none at all");
    let only = aged(&stage, "one.dump", 26);
    assert_ne!(backup(&stage, "is-fresh").code, 0, "one that is too old");
    fs::remove_file(only).unwrap();
    aged(&stage, "two.dump", 24);
    assert_eq!(backup(&stage, "is-fresh").code, 0);
}

#[test]
fn numbers_that_are_none_are_refused_before_anything_is_removed() {
    for wrong in ["0", "-1", "a;b", "1 2"] {
        let stage = stage(DUMPS).with_environment("BACKUP_KEEP_DAYS", wrong);
        aged(&stage, "kept.dump", 1);
        assert_eq!(backup(&stage, "once").code, 2, "{wrong}");
        assert_eq!(files(&stage), ["kept.dump"], "{wrong}");
    }
}
