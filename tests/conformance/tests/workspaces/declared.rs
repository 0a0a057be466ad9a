//! Templates of the configuration beside versions that administrators push.

use chatmesh_workspaces::{Activate, StoreError, WorkspaceStore as _};

use crate::world::{World, version, worlds};

impl World {
    /// Pushes a version, as somebody or as the configuration, and returns the number of the active one then.
    async fn push_as(&self, template: &str, manifest: &str, activate: Activate) -> u32 {
        let mut new = version(template, manifest, self.now);
        new.activate = activate;
        new.created_by = matches!(activate, Activate::Now | Activate::Later).then(|| self.owner.into());
        let template = self.store.push_version(&new).await.expect("pushed").template;
        let active = template.active_version_id.expect("one is active");
        let versions = self.store.list_versions(template.id, None, 10).await.expect("listed");
        versions.iter().find(|one| one.id == active).expect("it is there").number
    }
}

/// A process that starts again must not undo what an administrator has done.
#[tokio::test]
async fn a_configuration_that_says_nothing_new_does_not_replace_what_somebody_pushed() {
    use Activate::{Declared, Implied, Later, Now};
    for world in worlds().await {
        let (one, two, three) = ("description = 'one'", "description = 'two'", "description = 'three'");
        for (step, (manifest, activate, active)) in [
            (one, Declared, 1),
            (one, Declared, 1),
            (two, Now, 2),
            (one, Declared, 2),
            (one, Implied, 2),
            (three, Implied, 2),
            (three, Declared, 2),
            ("description = 'four'", Declared, 4),
            // Whoever goes back in the configuration goes back: nobody else has pushed anything since.
            (one, Declared, 1),
            (three, Implied, 3),
            ("description = 'five'", Later, 3),
            (two, Now, 2),
            (three, Implied, 2),
        ]
        .into_iter()
        .enumerate()
        {
            assert_eq!(world.push_as("go", manifest, activate).await, active, "{}: step {step}", world.engine);
        }
        assert_eq!(world.push_as("new", one, Implied).await, 1, "{}: the first one is active", world.engine);
    }
}

/// As in a rolling update: nobody can tell a replica of the older configuration, which starts again, from an operator
/// who goes back to it.
#[tokio::test]
async fn replicas_whose_configurations_differ_take_turns_and_make_no_version_twice() {
    for world in worlds().await {
        let (old, new) = ("description = 'old'", "description = 'new'");
        for (step, (manifest, active)) in
            [(old, 1), (new, 2), (old, 1), (new, 2), (old, 1), (new, 2)].iter().enumerate()
        {
            let found = world.push_as("go", manifest, Activate::Declared).await;
            assert_eq!(found, *active, "{}: step {step}: the last one wins", world.engine);
        }
        let template = world.store.find_template("go").await.expect("asked").expect("there");
        assert_eq!(template.description, "new", "{}", world.engine);
        let versions = world.store.list_versions(template.id, None, 10).await.expect("listed");
        let numbers: Vec<u32> = versions.iter().map(|version| version.number).collect();
        assert_eq!(numbers, [2, 1], "{}: a version is known by its content", world.engine);
    }
}

/// Workspaces that one provisioner made are not there for another one, whoever pushes.
#[tokio::test]
async fn a_template_stays_with_its_provisioner() {
    for world in worlds().await {
        let other = version("local", "provisioner = 'other'", world.now);
        for activate in [Activate::Now, Activate::Later, Activate::Declared, Activate::Implied] {
            let mut other = other.clone();
            other.activate = activate;
            let refused = world.store.push_version(&other).await;
            let kept = matches!(&refused, Err(StoreError::OtherProvisioner(kept)) if kept == "local");
            assert!(kept, "{}: {activate:?}: {refused:?}", world.engine);
        }
        let found = world.store.find_template("local").await.expect("asked").expect("there");
        assert_eq!(found, world.template, "{}", world.engine);
        assert_eq!(world.store.list_versions(found.id, None, 10).await.expect("listed").len(), 1, "{}", world.engine);
        world.store.delete_template(found.id).await.expect("deleted");
        world.store.push_version(&other).await.expect("the name is free");
    }
}
