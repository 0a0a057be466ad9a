//! What is kept, and how it changes.

use serde_json::{Value, json};

use super::{Inner, State};

/// Names an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) plural: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl State {
    /// Does something to what is kept, and wakes those who watch.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let mut inner = self.inner.lock();
        let result = change(&mut inner);
        self.changed.send_replace(inner.version);
        result
    }
}

impl Inner {
    /// Applies a description. What a Pod is made of never changes.
    pub(super) fn apply(&mut self, key: &Key, mut described: Value) -> Result<Value, (u16, String)> {
        let Some(found) = self.objects.get(key).cloned() else {
            let uid = format!("uid-{}", self.version + 1);
            described["metadata"]["uid"] = json!(uid);
            described["metadata"]["creationTimestamp"] = json!("2026-01-02T03:04:05Z");
            self.put("ADDED", key, described);
            if key.plural == "pods" {
                self.run_pod(key);
            }
            return Ok(self.objects[key].clone());
        };
        if key.plural == "pods" && found["spec"] != described["spec"] {
            return Err((422, format!("Pod \"{}\" is invalid: spec: Forbidden: may not change", key.name)));
        }
        for field in ["uid", "creationTimestamp", "deletionTimestamp"] {
            if !found["metadata"][field].is_null() {
                described["metadata"][field] = found["metadata"][field].clone();
            }
        }
        described["status"] = found["status"].clone();
        self.put("MODIFIED", key, described.clone());
        Ok(self.objects[key].clone())
    }

    pub(super) fn put(&mut self, change: &'static str, key: &Key, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.history.push((self.version, change, key.clone(), object.clone()));
        self.objects.insert(key.clone(), object);
    }

    /// Begins the end of an object. A Pod takes a while, and so does a volume, which is protected while a Pod may use it.
    pub(super) fn delete(&mut self, key: &Key) -> Option<Value> {
        let mut object = self.objects.get(key)?.clone();
        let takes_time = matches!(key.plural.as_str(), "pods" | "persistentvolumeclaims");
        if takes_time && object["metadata"]["deletionTimestamp"].is_null() {
            object["metadata"]["deletionTimestamp"] = json!("2026-01-02T03:04:06Z");
            self.put("MODIFIED", key, object.clone());
            self.ending.insert(key.clone(), 2);
        } else if !takes_time {
            self.remove(key);
        }
        Some(object)
    }

    /// Lets time pass for an object that ends.
    pub(super) fn look_at(&mut self, key: &Key) {
        let Some(left) = self.ending.get_mut(key) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.ending.remove(key);
            self.remove(key);
        }
    }

    /// Removes an object with everything that it owns.
    fn remove(&mut self, key: &Key) {
        let Some(object) = self.objects.remove(key) else { return };
        self.version += 1;
        let uid = object["metadata"]["uid"].clone();
        self.history.push((self.version, "DELETED", key.clone(), object));
        let is_owned = |object: &Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
        };
        let owned: Vec<_> =
            self.objects.iter().filter(|(_, object)| is_owned(object)).map(|(key, _)| key.clone()).collect();
        for key in owned {
            self.delete(&key);
        }
    }
}
