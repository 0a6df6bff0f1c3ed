//! Docker.

use std::collections::HashSet;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sysflow_enrich::{
    Answer, ContainerKey, Directories, Enricher, Mount, Origin, RuntimeKind, Settings, Socket,
    SocketKind,
};

use crate::world::{
    Daemon, Finally, LONG, World, is_in, learn, learn_running, no_directories, run, wait_for_end,
    watch,
};

fn client(world: &World) -> Command {
    let mut command = Command::new("docker");
    command
        .arg("-H")
        .arg(format!("unix://{}", world.text("d.sock")));
    command
}

fn daemon(world: &World) -> Daemon {
    let mut command = Command::new("dockerd");
    command
        .arg("--data-root")
        .arg(world.path("data"))
        .arg("--exec-root")
        .arg(world.path("exec"))
        .arg("-p")
        .arg(world.path("d.pid"))
        .arg("-H")
        .arg(format!("unix://{}", world.text("d.sock")))
        .args(["--bridge=none", "--iptables=false"]);
    Daemon::start(world, &mut command, client(world).arg("version"))
}

/// Makes a container; it is seen before this has ended.
fn make(world: &World, arguments: &[&str]) -> Child {
    client(world)
        .args(["run", "-d"])
        .args(arguments)
        .args(["shop:3", "/bin/sleep", "3600"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

fn settings(world: &World, directories: Directories) -> Settings {
    Settings {
        sockets: vec![Socket::new(SocketKind::Docker, world.path("d.sock"))],
        directories,
        with_accounts: true,
        patience: Duration::from_secs(3),
        longest_pause: Duration::from_millis(500),
        sweep: Duration::from_millis(200),
        ..Settings::default()
    }
}

#[test]
fn docker_tells_of_its_containers() {
    let Some(world) = World::new(&["dockerd", "docker", "containerd", "runc"], &["docker"]) else {
        return;
    };
    // Before anything listens, and while it does not again, nobody is to be reached.
    let enricher = Enricher::start(settings(&world, no_directories())).unwrap();
    let unknown = ContainerKey::new("ab".repeat(32), RuntimeKind::Docker);
    assert!(enricher.look_up(unknown.clone(), None));
    assert_eq!(enricher.wait(Duration::from_millis(200)), None);
    assert!(enricher.statistics().runtimes_unreachable > 0);
    enricher.forget(unknown);

    let running = daemon(&world);
    run(client(&world)
        .arg("import")
        .arg(world.layer())
        .arg("shop:3"));
    let mut seen = HashSet::new();
    let remove = |name: &str| {
        let _ = client(&world).args(["rm", "-f", name]).output();
    };
    {
        let _removed = Finally(|| remove("one"));
        let volume = format!("{}:/data:ro", world.text("rootfs"));
        let mut made = make(
            &world,
            &[
                "--name",
                "one",
                "--network",
                "host",
                "--pid",
                "host",
                "--label",
                "team=red",
                "-v",
                &volume,
                "--health-cmd",
                "true",
            ],
        );
        let sight = watch("docker", &mut seen);
        assert!(sight.is_certain);
        let (facts, first, complete) = learn(&enricher, &sight);
        eprintln!("docker: something known after {first:?}, all after {complete:?}");
        assert!(made.wait().unwrap().success());
        let running = learn_running(&settings(&world, no_directories()), &sight);
        eprintln!("docker: a running one known after {running:?}");
        assert_eq!((&*facts.id, &*facts.name), (&*sight.key.id, "one"));
        assert_eq!(
            (facts.kind, facts.origin),
            (RuntimeKind::Docker, Origin::Runtime)
        );
        assert_eq!((&*facts.image.repository, &*facts.image.tag), ("shop", "3"));
        assert_eq!(facts.image.id.len(), 64);
        assert_eq!(facts.is_privileged, Some(false));
        assert!(is_in(facts.pid, &facts.id));
        assert_eq!(
            (facts.is_host_network, facts.is_host_pid, facts.is_host_ipc),
            (Some(true), Some(true), Some(false))
        );
        assert_eq!(facts.labels["team"], "red");
        let mount = Mount {
            source: world.text("rootfs"),
            destination: "/data".to_owned(),
            mode: "ro".to_owned(),
            is_read_write: false,
            propagation: "rprivate".to_owned(),
        };
        assert_eq!(facts.mounts, [mount]);
        assert_eq!(facts.health_check.as_ref().unwrap().last().unwrap(), "true");
        assert_eq!(facts.accounts.as_ref().unwrap().users[&4242], "shop");
        assert!(facts.started >= facts.created && facts.created.is_some());

        // Its files tell the same when it cannot be asked.
        let directories = Directories {
            docker: vec![world.path("data")],
            ..no_directories()
        };
        let mut of_files = settings(&world, directories);
        of_files.sockets.clear();
        let reader = Enricher::start(of_files).unwrap();
        let (mut read, ..) = learn(&reader, &sight);
        assert_eq!(read.origin, Origin::Files);
        read.origin = Origin::Runtime;
        assert_eq!(read, facts);

        remove("one");
        wait_for_end(&enricher, &sight.key);
        wait_for_end(&reader, &sight.key);
    }

    // One that never starts is known all the same.
    let id = run(client(&world)
        .args(["create", "--privileged", "--pid", "host", "shop:3"])
        .arg("true"));
    let key = ContainerKey::new(id.trim(), RuntimeKind::Docker);
    assert!(enricher.look_up(key.clone(), None));
    let Some(Answer::Known(told, facts)) = enricher.wait(LONG) else {
        panic!("{:?}", enricher.statistics());
    };
    assert_eq!((told, facts.started, facts.pid), (key.clone(), None, None));
    assert_eq!(
        (facts.is_privileged, facts.is_host_pid),
        (Some(true), Some(true))
    );
    enricher.forget(key);

    // The runtime goes away and comes back.
    drop(running);
    let before = enricher.statistics().runtimes_unreachable;
    let unknown = ContainerKey::new("cd".repeat(32), RuntimeKind::Docker);
    assert!(enricher.look_up(unknown.clone(), None));
    assert_eq!(enricher.wait(Duration::from_millis(200)), None);
    assert!(enricher.statistics().runtimes_unreachable > before);
    let _running = daemon(&world);
    let _removed = Finally(|| remove("two"));
    let mut made = make(&world, &["--name", "two", "--network", "none"]);
    let sight = watch("docker", &mut seen);
    let (facts, ..) = learn(&enricher, &sight);
    assert!(made.wait().unwrap().success());
    assert_eq!((&*facts.name, facts.is_privileged), ("two", Some(false)));
    assert_eq!(facts.is_host_network, Some(false));

    // Asked once more it is told from memory; one that never was is told to be unknown.
    assert!(enricher.look_up(sight.key.clone(), None));
    let mut answers = Vec::new();
    while answers.len() < 2 {
        answers.push(enricher.wait(LONG).unwrap());
    }
    assert!(matches!(&answers[0], Answer::Known(key, _) if *key == sight.key));
    assert_eq!(answers[1], Answer::Unknown(unknown));
    let statistics = enricher.statistics();
    assert_eq!((statistics.answers_cached, statistics.malformed), (1, 0));
    assert_eq!(
        (statistics.runtimes_refused, statistics.runtimes_slow),
        (0, 0)
    );
}
