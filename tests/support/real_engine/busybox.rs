//! The one image that tests need: a static busybox, imported through the API, so that no registry is asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use tokio::sync::Mutex as AsyncMutex;

use sofa::testing::engine::Engine;

use super::tools;

/// Commands that get a link in the image.
const APPLETS: [&str; 22] = [
    "sh", "sleep", "true", "false", "cat", "echo", "env", "ls", "touch", "nc", "httpd", "wget", "kill",
    "test", "printf", "id", "seq", "mkdir", "rm", "nslookup", "stat", "tail",
];

/// The label of the image, which every layer built from it inherits.
const MARK: &str = "sofa.test";

/// How many projects of this process use the image now.
static USERS: AsyncMutex<usize> = AsyncMutex::const_new(0);

/// The image's name: one per process, so that test runs beside each other do not remove each other's.
pub fn name() -> String {
    format!("sofa-test/busybox:{}", std::process::id())
}

/// Provides the image for one more user. `None` if there is no busybox and none can be installed.
pub async fn acquire(engine: &Engine) -> Option<String> {
    let binary = binary()?;
    let name = name();
    let mut users = USERS.lock().await;
    if engine.inspect_image(&name).await.expect("inspect").is_none() {
        let reference = name.parse().expect("reference");
        engine
            .import_image(
                &reference,
                archive(&binary).into(),
                &[&format!("LABEL {MARK}={}", std::process::id())],
            )
            .await
            .expect("import");
    }
    *users += 1;
    Some(name)
}

/// Counts one user less; with the last one the image goes.
pub async fn release(engine: &Engine) {
    let mut users = USERS.lock().await;
    *users = users.saturating_sub(1);
    if *users == 0 {
        drop(engine.remove_image(&name(), true).await);
        // `sofa` makes it again where it is missing; one that another project's store is made of stays.
        drop(engine.remove_image(sofa::testing::engine::state_container::IMAGE, false).await);
        remove_leftovers(engine).await;
    }
}

/// Removes what failing builds leave: images without a name.
async fn remove_leftovers(engine: &Engine) {
    let own = std::process::id().to_string();
    for image in engine.list_images().await.expect("images") {
        if image.names.is_empty() && image.labels.get(MARK) == Some(&own) {
            drop(engine.remove_image(image.id.as_str(), true).await);
        }
    }
}

/// The root file system: busybox, a link for each of its commands, and the folders that programs expect.
fn archive(binary: &Path) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut put = |path: &str, kind: tar::EntryType, mode: u32, link: Option<&str>, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        match link {
            Some(target) => tar.append_link(&mut header, path, target).expect("link"),
            None => tar.append_data(&mut header, path, content).expect("entry"),
        }
    };
    for (folder, mode) in [("bin", 0o755), ("tmp", 0o1777), ("etc", 0o755), ("run", 0o755), ("var", 0o755)] {
        put(folder, tar::EntryType::Directory, mode, None, b"");
    }
    put("bin/busybox", tar::EntryType::Regular, 0o755, None, &fs::read(binary).expect("busybox"));
    put(
        "etc/passwd",
        tar::EntryType::Regular,
        0o644,
        None,
        b"root:x:0:0::/:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n",
    );
    for applet in APPLETS {
        put(&format!("bin/{applet}"), tar::EntryType::Symlink, 0o777, Some("busybox"), b"");
    }
    tar.into_inner().expect("archive")
}

/// A static busybox: the system's, else Debian's package, unpacked once.
fn binary() -> Option<PathBuf> {
    static UNPACKING: Mutex<()> = Mutex::new(());
    let _one = UNPACKING.lock().expect("lock");
    let unpacked = tools().join("busybox-static/bin/busybox");
    let usr = tools().join("busybox-static/usr/bin/busybox");
    let present =
        ["/bin/busybox", "/usr/bin/busybox"].map(PathBuf::from).into_iter().find(|path| is_static(path));
    present.or_else(|| [unpacked, usr].into_iter().find(|path| path.is_file())).or_else(download)
}

fn is_static(path: &Path) -> bool {
    path.is_file() && Command::new("ldd").arg(path).output().is_ok_and(|output| !output.status.success())
}

fn download() -> Option<PathBuf> {
    let folder = tools().join("busybox-static");
    fs::create_dir_all(&folder).expect("folder");
    let script = "apt-get download -qq busybox-static && dpkg-deb -x busybox-static_*.deb . && rm -f *.deb";
    let unpacked = Command::new("sh").args(["-c", script]).current_dir(&folder).output();
    let found =
        ["bin/busybox", "usr/bin/busybox"].map(|path| folder.join(path)).into_iter().find(|p| p.is_file());
    if found.is_none() {
        super::skip(&format!("no static busybox here, and Debian's package cannot be had: {unpacked:?}"));
    }
    found
}
