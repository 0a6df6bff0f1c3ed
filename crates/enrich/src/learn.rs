//! One attempt to learn about a container: runtimes first, then files.

use std::io::ErrorKind;

use crate::accounts::Accounts;
use crate::answer::ContainerKey;
use crate::error::Error;
use crate::facts::{ContainerFacts, Origin, RuntimeKind};
use crate::files;
use crate::process::is_in_namespace_of_host;
use crate::runtime::Runtime;
use crate::settings::Settings;
use crate::statistics::Counters;

/// What all attempts share.
pub(crate) struct Sources {
    pub(crate) settings: Settings,
    pub(crate) runtimes: Vec<Runtime>,
}

/// What an attempt brought.
#[derive(Default)]
pub(crate) struct Learnt {
    pub(crate) facts: Option<ContainerFacts>,
    /// Whether asking again would bring no more.
    pub(crate) is_final: bool,
    /// Whether a runtime that should know the container answered that it does not.
    pub(crate) is_denied: bool,
}

impl Sources {
    /// Must be called where tokio runs.
    pub(crate) fn new(settings: Settings) -> Self {
        let runtimes = settings
            .sockets
            .iter()
            .filter_map(|socket| Runtime::new(socket, settings.timeout))
            .collect();
        Self { settings, runtimes }
    }

    /// Whether any runtime could be asked about a container.
    pub(crate) fn has_runtime_for(&self, key: &ContainerKey) -> bool {
        self.runtimes.iter().any(|runtime| runtime.can_know(key))
    }

    pub(crate) async fn learn(&self, key: &ContainerKey, counters: &Counters) -> Learnt {
        counters.attempts.count();
        let mut learnt = self.ask(key, counters).await;
        if learnt.facts.is_none() {
            learnt.facts = self.read(key, counters);
            learnt.is_final = learnt.facts.is_some() && !learnt.is_denied;
            if learnt.facts.is_some() {
                counters.answers_from_files.count();
            }
        } else if let Some(facts) = &mut learnt.facts
            && facts.pid.is_none()
            && key.kind == RuntimeKind::Containerd
        {
            // containerd's list of containers knows no processes.
            if let Some(of_files) = self.read(key, counters) {
                facts.pid = of_files.pid;
                facts.started = of_files.started;
            }
        }
        if let Some(facts) = &mut learnt.facts {
            self.complete(facts, counters);
        }
        learnt
    }

    async fn ask(&self, key: &ContainerKey, counters: &Counters) -> Learnt {
        let mut learnt = Learnt::default();
        let with_environment = self.settings.with_environment;
        for is_first in [true, false] {
            let fitting = self.runtimes.iter().filter(|runtime| {
                runtime.can_know(key) && runtime.is_first_for(key.kind) == is_first
            });
            for runtime in fitting {
                match runtime.look_up(key, with_environment).await {
                    Ok(Some(facts)) => {
                        // Runtimes make a container known before it runs.
                        learnt.is_final =
                            facts.started.is_some() || key.kind == RuntimeKind::Containerd;
                        learnt.is_denied = false;
                        learnt.facts = Some(facts);
                        return learnt;
                    }
                    Ok(None) => learnt.is_denied |= is_first,
                    Err(error) => counters.count_error(&error),
                }
            }
        }
        learnt
    }

    fn read(&self, key: &ContainerKey, counters: &Counters) -> Option<ContainerFacts> {
        let mut failures = Vec::new();
        let Settings {
            directories,
            with_environment,
            ..
        } = &self.settings;
        let facts = files::look_up(directories, key, *with_environment, &mut failures);
        for failure in &failures {
            counters.count_error(failure);
        }
        facts
    }

    fn complete(&self, facts: &mut ContainerFacts, counters: &Counters) {
        if facts.trim() {
            counters.trimmed.count();
        }
        if let Some(pid) = facts.pid {
            let is_of_host = |kind| is_in_namespace_of_host(pid, kind);
            facts.is_host_pid = facts.is_host_pid.or_else(|| is_of_host("pid"));
            facts.is_host_network = facts.is_host_network.or_else(|| is_of_host("net"));
            facts.is_host_ipc = facts.is_host_ipc.or_else(|| is_of_host("ipc"));
        }
        if !self.settings.with_accounts {
            return;
        }
        let Some(pid) = facts.pid else { return };
        match Accounts::of_process(pid) {
            Ok(accounts) => facts.accounts = Some(accounts),
            // Many images have no users, and short containers are over by now.
            Err(Error::File { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(error) => counters.count_error(&error),
        }
    }
}

/// Whether facts tell less than those that are known.
pub(crate) fn is_less(facts: &ContainerFacts, known: &ContainerFacts) -> bool {
    facts.origin == Origin::Files && known.origin == Origin::Runtime
}
