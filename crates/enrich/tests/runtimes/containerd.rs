//! containerd: pods by Kubernetes' interface, and containers made by `ctr`.

mod kubelet;

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::Duration;

use sysflow_enrich::{
    Answer, ContainerFacts, ContainerKey, Directories, Enricher, Mount, Origin, RuntimeKind,
    Settings, Socket, SocketKind,
};

use self::kubelet::Kubelet;
use crate::world::{
    Daemon, Finally, LONG, World, is_in, learn, learn_running, no_directories, run, wait_for_end,
    watch,
};

const IMAGE: &str = "registry.test/shop:3";
const UID: &str = "0c1dba66-1f4e-4b4c-9f6e-8b7c2d1e0f00";

fn ctr(world: &World, namespace: &str) -> Command {
    let mut command = Command::new("ctr");
    command
        .arg("-a")
        .arg(world.path("c.sock"))
        .args(["-n", namespace]);
    command
}

fn daemon(world: &World) -> Daemon {
    let configuration = format!(
        r#"
version = 2
root = "{root}"
state = "{state}"
[grpc]
address = "{socket}"
[ttrpc]
address = "{socket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
disable_apparmor = true
"#,
        root = world.text("root"),
        state = world.text("state"),
        socket = world.text("c.sock"),
    );
    let configuration = world.write("config.toml", &configuration);
    let daemon = Daemon::start(
        world,
        Command::new("containerd").arg("-c").arg(configuration),
        ctr(world, "default").arg("version"),
    );
    let archive = world.archive(IMAGE);
    for namespace in ["default", "k8s.io"] {
        run(ctr(world, namespace)
            .args(["image", "import"])
            .arg(&archive));
    }
    daemon
}

fn settings(world: &World) -> Settings {
    Settings {
        sockets: vec![Socket::new(SocketKind::Containerd, world.path("c.sock"))],
        directories: no_directories(),
        with_environment: true,
        sweep: Duration::from_millis(200),
        ..Settings::default()
    }
}

fn of_files(world: &World) -> Settings {
    Settings {
        sockets: Vec::new(),
        directories: Directories {
            containerd_tasks: vec![world.path("state/io.containerd.runtime.v2.task")],
            oci_states: vec!["/run/containerd/runc".into()],
            ..no_directories()
        },
        ..settings(world)
    }
}

#[test]
fn containerd_tells_of_pods() {
    let Some(world) = World::new(&["containerd", "ctr", "runc"], &["kubepods", "k8s.io"]) else {
        return;
    };
    // Ends after the pod was removed.
    let mut running = Some(daemon(&world));
    let enricher = Enricher::start(settings(&world)).unwrap();
    let kubelet = Kubelet::new(&world.path("c.sock"));
    let pod = Kubelet::pod("shop-0", "prod", UID);
    let sandbox = kubelet.run_pod(&pod);
    let _removed = Finally(|| kubelet.remove_pod(&sandbox));
    let group = format!("kubepods/besteffort/pod{UID}");
    let mut seen = HashSet::new();

    let sight = watch(&group, &mut seen);
    assert_eq!(
        (&*sight.key.id, sight.key.kind),
        (&*sandbox, RuntimeKind::Cri)
    );
    let (facts, ..) = learn(&enricher, &sight);
    assert!(facts.is_sandbox);
    assert_eq!(
        (&*facts.name, facts.kind),
        ("shop-0", RuntimeKind::Containerd)
    );

    let source = world.text("rootfs");
    let container = kubelet.create(&pod, &sandbox, "shop", IMAGE, &source, true);
    let sight = std::thread::scope(|scope| {
        let start = scope.spawn(|| kubelet.start(&container));
        let sight = watch(&group, &mut seen);
        let (facts, first, complete) = learn(&enricher, &sight);
        eprintln!("CRI: something known after {first:?}, all after {complete:?}");
        start.join().unwrap();
        let running = learn_running(&settings(&world), &sight);
        eprintln!("CRI: a running one known after {running:?}");
        assert_eq!((&*facts.id, facts.is_sandbox), (&*container, false));
        check(&facts, &source);
        assert_eq!(
            (facts.kind, facts.origin),
            (RuntimeKind::Containerd, Origin::Runtime)
        );
        assert_eq!(facts.image.id.len(), 64);
        assert_eq!(facts.readiness_probe, Some(vec!["/bin/true".to_owned()]));
        assert_eq!(facts.pod.as_ref().unwrap().labels["team"], "red");

        // Its files tell much of the same.
        let reader = Enricher::start(of_files(&world)).unwrap();
        let (read, ..) = learn(&reader, &sight);
        assert_eq!((read.origin, read.pid), (Origin::Files, facts.pid));
        check(&read, &source);

        sight
    });

    let statistics = enricher.statistics();
    assert_eq!(
        (statistics.runtimes_refused, statistics.runtimes_unreachable),
        (0, 0)
    );

    // The runtime goes away and comes back; its containers live on.
    running.take();
    enricher.forget(sight.key.clone());
    assert!(enricher.look_up(sight.key.clone(), Some(sight.pid)));
    assert_eq!(enricher.wait(Duration::from_millis(200)), None);
    assert!(enricher.statistics().runtimes_unreachable > 0);
    running.replace(daemon(&world));
    let (facts, ..) = learn(&enricher, &sight);
    check(&facts, &source);
    kubelet.remove_pod(&sandbox);
    wait_for_end(&enricher, &sight.key);
    assert_eq!(enricher.statistics().malformed, 0);

    // Asked at last, the runtime says that it knows it no longer.
    let mut impatient = settings(&world);
    impatient.patience = Duration::from_millis(100);
    let enricher = Enricher::start(impatient).unwrap();
    let key = ContainerKey::new(container, RuntimeKind::Cri);
    assert!(enricher.look_up(key.clone(), None));
    assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(key)));
    let statistics = enricher.statistics();
    assert_eq!(
        (statistics.runtimes_refused, statistics.runtimes_unreachable),
        (0, 0)
    );
}

/// What runtime and files tell alike.
fn check(facts: &ContainerFacts, source: &str) {
    assert_eq!(&*facts.name, "shop");
    assert_eq!(
        (&*facts.image.repository, &*facts.image.tag),
        ("registry.test/shop", "3")
    );
    assert_eq!(facts.is_privileged, Some(true));
    assert_eq!(
        (facts.is_host_network, facts.is_host_pid, facts.is_host_ipc),
        (Some(true), Some(false), Some(false))
    );
    let mount = facts
        .mounts
        .iter()
        .find(|mount| mount.destination == "/data");
    let Some(Mount {
        source: of,
        is_read_write: false,
        propagation,
        ..
    }) = mount
    else {
        panic!("{:?}", facts.mounts);
    };
    assert_eq!((&**of, &**propagation), (source, "rprivate"));
    assert!(
        facts
            .environment
            .iter()
            .any(|variable| variable == "PATH=/bin")
    );
    let pod = facts.pod.as_ref().unwrap();
    assert_eq!(
        (&*pod.name, &*pod.namespace, &*pod.id),
        ("shop-0", "prod", UID)
    );
    assert_eq!(pod.sandbox_id.len(), 64);
}

#[test]
fn containerd_tells_of_containers_by_name() {
    let Some(world) = World::new(&["containerd", "ctr", "runc"], &["default"]) else {
        return;
    };
    let _running = daemon(&world);
    let name = format!("by-name-{}", std::process::id());
    let end = || {
        let _ = ctr(&world, "default")
            .args(["task", "kill", "-s", "9", &name])
            .output();
        let _ = ctr(&world, "default")
            .args(["task", "delete", "-f", &name])
            .output();
        let _ = ctr(&world, "default")
            .args(["container", "delete", &name])
            .output();
    };
    let _removed = Finally(end);
    let mut made = ctr(&world, "default")
        .args([
            "run",
            "-d",
            "--label",
            "team=red",
            IMAGE,
            &name,
            "/bin/sleep",
            "3600",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let sight = watch(&format!("default/{name}"), &mut HashSet::new());
    assert_eq!(
        (&*sight.key.id, sight.key.namespace.as_deref()),
        (&*name, Some("default"))
    );
    assert!(!sight.is_certain);
    assert!(made.wait().unwrap().success());

    let mut both = of_files(&world);
    both.sockets = settings(&world).sockets;
    both.patience = Duration::from_millis(100);
    let enricher = Enricher::start(both).unwrap();
    let (facts, first, _) = learn(&enricher, &sight);
    eprintln!("containerd: known after {first:?}");
    assert_eq!(
        (facts.kind, facts.origin),
        (RuntimeKind::Containerd, Origin::Runtime)
    );
    assert_eq!(
        (&*facts.image.repository, &*facts.image.tag),
        ("registry.test/shop", "3")
    );
    assert_eq!(facts.labels["team"], "red");
    assert_eq!(
        (facts.is_host_network, facts.is_privileged),
        (Some(false), Some(false))
    );
    assert!(is_in(facts.pid, &name));

    let reader = Enricher::start(of_files(&world)).unwrap();
    let (read, ..) = learn(&reader, &sight);
    assert_eq!((read.origin, read.pid), (Origin::Files, facts.pid));
    assert_eq!(read.labels["team"], "red");

    // A group of the host looks alike, and is found to be none.
    let mut host = sight.key.clone();
    "some-group".clone_into(&mut host.id);
    assert!(enricher.look_up(host.clone(), None));
    assert_eq!(enricher.wait(LONG), Some(Answer::Unknown(host)));

    end();
    wait_for_end(&enricher, &sight.key);
}
