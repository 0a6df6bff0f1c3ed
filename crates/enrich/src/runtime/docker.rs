//! Asking Docker, and Podman where it speaks like Docker (Docker Engine API, `ContainerInspect` and `ImageInspect`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use serde_json::Value;

use super::{http, malformed};
use crate::answer::ContainerKey;
use crate::docker::{addresses, facts_of, image_of};
use crate::error::Error;
use crate::facts::{ContainerFacts, Image, Origin, RuntimeKind};
use crate::image::id_of;
use crate::json;
use crate::settings::{Socket, SocketKind};

/// Most images whose names are remembered.
const MOST_IMAGES: usize = 256;

pub(super) struct Docker {
    path: PathBuf,
    kind: RuntimeKind,
    /// Images by id: many containers are made from few.
    images: Mutex<HashMap<String, Image>>,
}

impl Docker {
    pub(super) fn new(socket: &Socket) -> Self {
        Self {
            path: socket.path.clone(),
            kind: match socket.kind {
                SocketKind::Podman => RuntimeKind::Podman,
                _ => RuntimeKind::Docker,
            },
            images: Mutex::default(),
        }
    }

    pub(super) async fn look_up(
        &self,
        key: &ContainerKey,
        with_environment: bool,
    ) -> Result<Option<ContainerFacts>, Error> {
        let Some(container) = self.get(&format!("/containers/{}/json", key.id)).await? else {
            return Ok(None);
        };
        let Some(mut facts) = facts_of(&container, self.kind, Origin::Runtime, with_environment)
        else {
            return Err(malformed(&self.path, &"the container has no id"));
        };
        // A container may share the network of another.
        if facts.addresses.is_empty()
            && let Some(other) = json::text(&container, "/HostConfig/NetworkMode")
                .strip_prefix("container:")
                .filter(|other| crate::cgroup::is_name(other))
            && let Some(other) = self.get(&format!("/containers/{other}/json")).await?
        {
            facts.addresses = addresses(&other);
        }
        if facts.image.digest.is_empty() || facts.image.repository.is_empty() {
            let image = self.image(&facts.image.id).await?;
            facts.image.complete(&image);
        }
        Ok(Some(facts))
    }

    async fn image(&self, id: &str) -> Result<Image, Error> {
        let known = self
            .images
            .lock()
            .ok()
            .and_then(|images| images.get(id).cloned());
        if let Some(image) = known {
            return Ok(image);
        }
        if id_of(id).is_none() {
            return Ok(Image::default());
        }
        let image = match self.get(&format!("/images/{id}/json")).await? {
            Some(value) => image_of(&value),
            None => Image::default(),
        };
        if let Ok(mut images) = self.images.lock() {
            if images.len() >= MOST_IMAGES {
                images.clear();
            }
            images.insert(id.to_owned(), image.clone());
        }
        Ok(image)
    }

    async fn get(&self, target: &str) -> Result<Option<Value>, Error> {
        let Some(body) = http::get(&self.path, target).await? else {
            return Ok(None);
        };
        serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| malformed(&self.path, &error))
    }
}
