//! Fields of the session and the process group.

use sysflow_field::Value;

use super::EventView;
use crate::state::thread::Thread;

event_fields! {
    PROC_SID = "proc.sid": Int, "Session; -1 when unknown."
        => value |v| Some(Value::Int(session_of(v.main()?)));
    PROC_VPGID = "proc.vpgid": Int, "Process group inside the namespace; -1 when unknown."
        => value |v| Some(Value::Int(namespace_group_of(v.main()?)));
    PROC_PGID = "proc.pgid": Int, "Process group on the host; -1 when unknown."
        => value |v| Some(Value::Int(group_of(v.main()?)));
    PROC_IS_SID = "proc.is_sid_leader": Bool, "Whether it leads its session."
        => value |v| Some(Value::Bool(v.main()?.session == v.main()?.namespace_pid));
    PROC_IS_VPGID = "proc.is_vpgid_leader": Bool, "Whether it leads its process group."
        => value |v| Some(Value::Bool(namespace_group_of(v.main()?) == v.main()?.namespace_pid));
    PROC_IS_PGID = "proc.is_pgid_leader": Bool, "Whether it leads its process group, as the host numbers it."
        => value |v| Some(Value::Bool(v.main()?.process_group == v.main()?.pid));
    PROC_SNAME = "proc.sname": Text, "Short name of the session's leader; empty when unknown."
        => value |v| v.leader_text(session_of, |thread| &thread.comm);
    PROC_SID_EXE = "proc.sid.exe": Text, "argv[0] of the session's leader; empty when unknown."
        => value |v| v.leader_text(session_of, |thread| &thread.exe);
    PROC_SID_EXEPATH = "proc.sid.exepath": Path, "Executable of the session's leader; empty when unknown."
        => value |v| v.leader_text(session_of, |thread| &thread.exe_path);
    PROC_VPGID_NAME = "proc.vpgid.name": Text, "Short name of the process group's leader; empty when unknown."
        => value |v| v.leader_text(namespace_group_of, |thread| &thread.comm);
    PROC_VPGID_EXE = "proc.vpgid.exe": Text, "argv[0] of the process group's leader; empty when unknown."
        => value |v| v.leader_text(namespace_group_of, |thread| &thread.exe);
    PROC_VPGID_EXEPATH = "proc.vpgid.exepath": Path, "Executable of the process group's leader; empty when unknown."
        => value |v| v.leader_text(namespace_group_of, |thread| &thread.exe_path);
    PROC_PGID_NAME = "proc.pgid.name": Text, "Short name of the leader of the process group on the host; empty when unknown."
        => value |v| v.leader_text(group_of, |thread| &thread.comm);
    PROC_PGID_EXE = "proc.pgid.exe": Text, "argv[0] of the leader of the process group on the host; empty when unknown."
        => value |v| v.leader_text(group_of, |thread| &thread.exe);
    PROC_PGID_EXEPATH = "proc.pgid.exepath": Path,
        "Executable of the leader of the process group on the host; empty when unknown."
        => value |v| v.leader_text(group_of, |thread| &thread.exe_path);
}

const fn session_of(thread: &Thread) -> i64 {
    if thread.session == 0 {
        -1
    } else {
        thread.session
    }
}

const fn group_of(thread: &Thread) -> i64 {
    if thread.process_group == 0 {
        -1
    } else {
        thread.process_group
    }
}

fn namespace_group_of(thread: &Thread) -> i64 {
    let details = thread.details.as_deref();
    details
        .and_then(|details| details.usage.namespace_group)
        .unwrap_or(-1)
}

impl<'a> EventView<'a> {
    /// A text of who leads a session or group: the eldest ancestor in it, else who has its number. Empty when
    /// nobody is known.
    fn leader_text(
        &self,
        number_of: impl Fn(&Thread) -> i64,
        text_of: impl Fn(&'a Thread) -> &'a [u8],
    ) -> Option<Value<'a>> {
        let number = number_of(self.main()?);
        let eldest = self
            .lineage()
            .skip(1)
            .take_while(|thread| number_of(thread) == number && number >= 0)
            .last();
        let leader = eldest.or_else(|| self.threads.get(number));
        Some(Value::Text(leader.map_or(b"", text_of)))
    }
}
