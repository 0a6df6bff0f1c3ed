//! Podman.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use sysflow_enrich::{Directories, Enricher, Origin, RuntimeKind, Settings, Socket, SocketKind};

use crate::world::{Daemon, Finally, World, learn, no_directories, run, wait_for_end, watch};

fn podman(world: &World) -> Command {
    let mut command = Command::new("podman");
    command
        .env("CONTAINERS_CONF", world.path("containers.conf"))
        .arg("--root")
        .arg(world.path("root"))
        .arg("--runroot")
        .arg(world.path("run"))
        .args(["--storage-driver", "vfs"]);
    command
}

#[test]
fn podman_tells_of_its_containers() {
    let Some(world) = World::new(&["podman", "conmon", "runc"], &["libpod_parent"]) else {
        return;
    };
    let configuration = format!(
        "[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\ntmp_dir = \"{}\"\n",
        world.text("tmp")
    );
    world.write("containers.conf", &configuration);
    run(podman(&world)
        .arg("import")
        .arg(world.layer())
        .arg("shop:3"));
    let socket = world.path("p.sock");
    let address = format!("unix://{}", socket.display());
    let _running = Daemon::start(
        &world,
        podman(&world).args(["system", "service", "--time", "0", &address]),
        Command::new("podman").args(["--remote", "--url", &address, "version"]),
    );
    let settings = Settings {
        sockets: vec![Socket::new(SocketKind::Podman, socket)],
        directories: no_directories(),
        with_environment: true,
        sweep: Duration::from_millis(200),
        ..Settings::default()
    };
    let enricher = Enricher::start(settings.clone()).unwrap();
    let remove = || {
        let _ = podman(&world).args(["rm", "-f", "-t", "0", "one"]).output();
    };
    let _removed = Finally(remove);
    let mut made = podman(&world)
        // Raising limits needs a capability that the tests do without.
        .args([
            "run",
            "-d",
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ])
        .args([
            "--name",
            "one",
            "--network",
            "host",
            "--privileged",
            "--label",
            "team=red",
        ])
        .args(["--env", "COLOUR=blue", "-v"])
        .arg(format!("{}:/data:ro", world.text("rootfs")))
        .args(["localhost/shop:3", "/bin/sleep", "3600"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let sight = watch("libpod_parent", &mut HashSet::new());
    assert_eq!(
        (sight.key.kind, sight.is_certain),
        (RuntimeKind::Podman, true)
    );
    let (facts, first, complete) = learn(&enricher, &sight);
    eprintln!("podman: something known after {first:?}, all after {complete:?}");
    assert!(made.wait().unwrap().success());
    assert_eq!((&*facts.id, &*facts.name), (&*sight.key.id, "one"));
    assert_eq!(
        (facts.kind, facts.origin),
        (RuntimeKind::Podman, Origin::Runtime)
    );
    assert_eq!(
        (&*facts.image.repository, &*facts.image.tag),
        ("localhost/shop", "3")
    );
    assert_eq!((facts.image.id.len(), facts.image.digest.len()), (64, 71));
    assert_eq!(facts.is_privileged, Some(true));
    assert_eq!(
        (facts.is_host_network, facts.is_host_pid),
        (Some(true), Some(false))
    );
    assert_eq!(facts.labels["team"], "red");
    assert_eq!(
        (&*facts.mounts[0].destination, facts.mounts[0].is_read_write),
        ("/data", false)
    );
    assert!(
        facts
            .environment
            .iter()
            .any(|variable| variable == "COLOUR=blue")
    );

    // Its files tell much of the same.
    let reader = Enricher::start(Settings {
        sockets: Vec::new(),
        directories: Directories {
            containers_storage: vec![world.path("run"), world.path("root")],
            oci_states: vec!["/run/runc".into()],
            ..no_directories()
        },
        ..settings
    })
    .unwrap();
    let (read, ..) = learn(&reader, &sight);
    assert_eq!(
        (read.origin, read.name),
        (Origin::Files, facts.name.clone())
    );
    assert_eq!(
        (read.image.repository, read.image.tag),
        ("localhost/shop".into(), "3".into())
    );
    assert_eq!(
        (read.image.id, read.pid),
        (facts.image.id.clone(), facts.pid)
    );
    assert_eq!(
        (read.is_privileged, read.is_host_network),
        (Some(true), Some(true))
    );
    assert!(
        read.mounts
            .iter()
            .any(|mount| mount.destination == "/data" && !mount.is_read_write)
    );

    remove();
    wait_for_end(&enricher, &sight.key);
    let statistics = enricher.statistics();
    assert_eq!((statistics.malformed, statistics.runtimes_refused), (0, 0));
}
