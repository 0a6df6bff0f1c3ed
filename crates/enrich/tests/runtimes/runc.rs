//! runc by hand: nobody can be asked, the state and the bundle tell.

use std::collections::HashSet;
use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use sysflow_enrich::{Answer, ContainerKey, Directories, Enricher, Origin, RuntimeKind, Settings};

use crate::world::{Finally, LONG, World, is_in, learn, no_directories, run, wait_for_end, watch};

#[test]
fn the_state_of_runc_tells_of_a_container() {
    let name = format!("enrich-by-hand-{}", std::process::id());
    let Some(world) = World::new(&["runc"], &[&name]) else {
        return;
    };
    world.root_file_system();
    run(Command::new("runc").current_dir(world.path("")).arg("spec"));
    let specification = fs::read_to_string(world.path("config.json")).unwrap();
    let specification = specification
        .replace("\"terminal\": true", "\"terminal\": false")
        .replace("\"sh\"", "\"/bin/sleep\", \"3600\"")
        .replace(
            "\"ociVersion\"",
            "\"annotations\": {\"team\": \"red\"}, \"ociVersion\"",
        );
    let specification: String = specification
        .lines()
        // Raising limits needs a capability that the tests do without.
        .map(|line| line.replace("\"RLIMIT_NOFILE\"", "\"RLIMIT_CORE\""))
        .map(|line| {
            line.replace("\"hard\": 1024", "\"hard\": 0")
                .replace("\"soft\": 1024", "\"soft\": 0")
        })
        .collect();
    world.write("config.json", &specification);
    let runc = || {
        let mut command = Command::new("runc");
        command.arg("--root").arg(world.path("states"));
        command
    };
    let remove = || {
        let _ = runc().args(["delete", "-f", &name]).output();
    };
    let _removed = Finally(remove);
    let mut made = runc()
        .current_dir(world.path(""))
        .args(["run", "-d", &name])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(made.wait().unwrap().success());
    let sight = watch(&name, &mut HashSet::new());
    assert_eq!((&*sight.key.id, sight.key.kind), (&*name, RuntimeKind::Oci));
    assert!(!sight.is_certain);

    let enricher = Enricher::start(Settings {
        sockets: Vec::new(),
        directories: Directories {
            oci_states: vec![world.path("states")],
            ..no_directories()
        },
        with_accounts: true,
        patience: Duration::from_millis(100),
        sweep: Duration::from_millis(200),
        ..Settings::default()
    })
    .unwrap();
    let (facts, ..) = learn(&enricher, &sight);
    assert_eq!((&*facts.name, facts.origin), (&*name, Origin::Files));
    assert_eq!(facts.is_privileged, Some(false));
    assert!(is_in(facts.pid, &name));
    assert_eq!(facts.labels["team"], "red");
    assert_eq!(facts.accounts.unwrap().users[&4242], "shop");

    // A group of the host looks alike, and is found to be none.
    let host = ContainerKey::new("some-group", RuntimeKind::Oci);
    assert!(enricher.look_up(host.clone(), None));
    assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(host)));

    remove();
    wait_for_end(&enricher, &sight.key);
}
