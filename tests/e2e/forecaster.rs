//! The forecaster, the stack in `compose/forecaster`, as an operator lives with it: from nothing to a forecast, five releases, three
//! that fail, a rollback, damaged caches, and a `down` that leaves the caches. One test, since the first start installs half a
//! gigabyte.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sofa::testing::engine::exec::ExecCommand;

use crate::stack::{container, ids, volumes};
use crate::support::real_engine::{Run, TestProject};

/// Adds a column, as a later release might.
const MIGRATION: &str = r#"
import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade():
    op.add_column("forecasts", sa.Column("note", sa.Text))
"#;

/// The stack, in a project and with images of its own.
async fn stack() -> Option<TestProject> {
    let mut test = TestProject::new("forecaster").await?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose");
    let folder = test.folder().display().to_string();
    let mut copy = Command::new("cp");
    copy.arg("-r").args([source.join("forecaster"), source.join("images")]).arg(&folder);
    test.run(copy).ok();
    let name = test.name().to_owned();
    for (variable, image) in [
        ("BACKEND_IMAGE", format!("{name}-backend")),
        ("FRONTEND_IMAGE", format!("{name}-frontend")),
        ("POSTGRES_IMAGE", format!("{name}-postgres:15")),
    ] {
        test.env(variable, &image);
    }
    Some(test)
}

fn sofa(test: &TestProject, arguments: &[&str]) -> Run {
    test.sofa(["-C", "forecaster"].into_iter().chain(arguments.iter().copied()))
}

fn deploy(test: &TestProject, tag: &str) -> Run {
    sofa(test, &["deploy", "stage", tag, "--progress", "plain"])
}

/// Runs Python in the backend's container.
async fn python(test: &TestProject, code: &str) -> String {
    let id = container(test, "backend").await.id;
    let argv = vec!["python".to_owned(), "-c".to_owned(), code.to_owned()];
    let command = ExecCommand { argv, ..ExecCommand::default() };
    let outcome = test.engine().exec(&id, &command, Duration::from_secs(60)).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(outcome.exit_code, Some(0), "{}{}", text(&outcome.stdout), text(&outcome.stderr));
    text(&outcome.stdout)
}

/// Asks the frontend.
async fn get(test: &TestProject, path: &str) -> Value {
    let code =
        format!("import urllib.request as u; print(u.urlopen('http://frontend:8080{path}').read().decode())");
    serde_json::from_str(&python(test, &code).await).unwrap()
}

fn log(test: &TestProject, service: &str) -> String {
    sofa(test, &["logs", "stage", service, "--no-follow", "--tail", "all"]).ok().stdout.clone()
}

/// Runs a deploy that fails, checks that the release before it runs, and returns the message.
async fn fails(test: &TestProject, tag: &str) -> String {
    let before = ids(test).await;
    let run = deploy(test, tag);
    run.assert_code(4).says("undone; the previous containers run again");
    assert_eq!(ids(test).await, before, "{}", run.stderr);
    assert_eq!(get(test, "/api/ready").await["status"], "ready");
    run.stderr.clone()
}

#[tokio::test]
async fn the_forecaster_lives_through_releases_failures_and_a_rollback() {
    let Some(mut test) = stack().await else { return };

    // From nothing to a forecast.
    let first = deploy(&test, "v0.0.1");
    first.ok();
    let phases = [
        "checking ML packages",
        "installing ML packages",
        "loading the model",
        "fitting the model",
        "serving",
    ];
    for phase in phases {
        assert!(first.stderr.contains(&format!("  backend: {phase}\n")), "{phase}: {}", first.stderr);
    }
    let forecast = get(&test, "/api/forecast?steps=12").await;
    let points = forecast["points"].as_array().unwrap();
    assert_eq!((points.len(), points[0]["month"].as_str()), (12, Some("2002-01")));
    let value = points[0]["value"].as_f64().unwrap();
    assert!((370.0..375.0).contains(&value), "CO2 above Mauna Loa in January 2002 is 372 ppm, not {value}");
    let owners = "import os, pathlib as p; print({f.stat().st_uid for f in p.Path('/home/app/.cache').rglob('*')}, os.getuid())";
    assert_eq!(python(&test, owners).await.trim(), "{10001} 10001", "the caches are the app user's");

    // A second release downloads nothing, and says so.
    let second = deploy(&test, "v0.0.2");
    second.ok();
    assert!(!second.stderr.contains("installing") && !second.stderr.contains("fitting"), "{}", second.stderr);
    let text = log(&test, "backend");
    assert!(text.contains("ML packages: nothing to download") && text.contains("is in the cache"), "{text}");

    // A migration that fails leaves the release before whole.
    let migration = "forecaster/images/backend/migrations/versions/0003_note.py";
    test.file(migration, &MIGRATION.replace("op.add_column(\"forecasts\"", "op.add_column(\"nowhere\""));
    let told = fails(&test, "v0.0.3").await;
    for text in [
        "service `migrate`: exited with code 1",
        "relation \"nowhere\" does not exist",
        "depends on: db healthy",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }

    // A good one makes a release that a rollback leaves the schema of.
    test.file(migration, MIGRATION);
    deploy(&test, "v0.0.4").ok();
    let run = sofa(&test, &["rollback", "stage"]);
    run.ok().says("job `migrate` ran with another image since release 2: what it did stays");
    assert_eq!(
        get(&test, "/api/ready").await["migrations"],
        "head",
        "the code before works with the later schema"
    );
    deploy(&test, "v0.0.5").ok();
    deploy(&test, "v0.0.6").ok();
    let count = "import sqlalchemy as s; from app.database import *; print(engine.connect().scalar(s.select(s.func.count()).select_from(users)))";
    assert_eq!(python(&test, count).await.trim(), "1", "the set-up created its user once in five deploys");
    assert!(log(&test, "setup").contains("there are 1 users already; nothing to do"));

    // No node without ML passes the gate.
    test.env("ML_PACKAGES", "six==1.17.0").env("ML_IMPORTS", "six nowhere_ml");
    let told = fails(&test, "v0.0.6").await;
    for text in [
        "service `backend`: restarts again and again, last exit code 1",
        "phase: `importing ML packages`",
        "error: an ML package is missing after the installation: ModuleNotFoundError: No module named 'nowhere_ml'",
        "db healthy",
        "migrate completed",
    ] {
        assert!(told.contains(text), "{text}: {told}");
    }
    test.env("ML_IMPORTS", "six").env("PIP_INDEX_URL", "http://127.0.0.1:9/simple");
    let told = fails(&test, "v0.0.6").await;
    assert!(told.contains("error: the ML packages cannot be installed: "), "{told}");
    assert!(told.contains("phase: `installing ML packages`"), "{told}");
    for variable in ["ML_PACKAGES", "ML_IMPORTS", "PIP_INDEX_URL"] {
        test.env(variable, "");
    }

    // Damaged caches are repaired at the next start.
    let damage =
        "import os, shutil, pathlib as p; shutil.rmtree(p.Path(os.environ['PYTHONPATH']) / 'statsmodels')
[f.write_bytes(b'x') for f in p.Path('/home/app/.cache/huggingface').glob('*.pickle')]";
    let damage = damage.replace(
        "os.environ['PYTHONPATH']",
        "open('/proc/1/environ').read().split('PYTHONPATH=')[1].split(chr(0))[0]",
    );
    python(&test, &damage).await;
    sofa(&test, &["restart", "stage", "backend"]).ok();
    let text = log(&test, "backend");
    assert!(text.contains("ML packages: installed in") && text.contains("it is fitted again"), "{text}");
    assert_eq!(get(&test, "/api/forecast?steps=1").await["points"][0]["month"], "2002-01");

    // Not even `--volumes` removes the caches.
    sofa(&test, &["down", "stage", "--volumes"]).ok();
    let mut left = volumes(&test).await;
    left.sort();
    assert_eq!(left, ["ml_models_cache", "ml_pip_cache"].map(|name| format!("{}_{name}", test.name())));
    sofa(&test, &["volume", "rm", "stage", "ml_models_cache", "ml_pip_cache"]).ok();
    assert_eq!(volumes(&test).await, [""; 0]);
}
