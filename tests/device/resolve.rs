//! Package lists against real sources.

use belay_agent::host::device::{Device, Mend};
use belay_protocol::Reason;
use belay_protocol::plan::Action;
use belay_testkit::deb::native_architecture;
use belay_testkit::{Deb, Snapshot, assert_same};

use crate::support::{World, id, ordinary, reference};

ordinary! {
    fn a_plan_names_every_change_with_origin_size_and_digest() {
        let world = World::offering(&[
            Deb::new("demo-app", "1:2.0").depends("demo-lib"),
            Deb::new("demo-lib", "1.0~rc1").architecture(&native_architecture()),
        ]);
        let changes = world.resolve("demo-app").unwrap();
        let [app, lib] = &changes[..] else { panic!("{changes:#?}") };
        assert_eq!((app.describe(), lib.describe()), ("demo-app + 1:2.0".into(), "demo-lib + 1.0~rc1".into()));
        assert!(app.asked && !lib.asked);
        let new = app.new.as_ref().unwrap();
        let published = world.sandbox.repository().deb("demo-app", "1:2.0");
        assert_eq!(new.sha256, belay_agent::durable::digest_of_file(&published).unwrap());
        assert_eq!(new.size, published.metadata().unwrap().len());
        assert_eq!(new.origins, ["Belay:stable"]);
        assert_eq!(lib.new.as_ref().unwrap().architecture.as_str(), native_architecture());
    }
}

ordinary! {
    fn planning_changes_nothing_on_the_device() {
        let world = World::offering(&[Deb::new("demo-app", "1.0"), Deb::new("demo-app", "2.0")]);
        world.sandbox.install(&["demo-app=1.0"]);
        let before = Snapshot::of(&world.sandbox);
        assert_eq!(world.plan("demo-app"), ["demo-app 1.0 → 2.0"]);
        assert_same(&before, &Snapshot::of(&world.sandbox));
    }
}

ordinary! {
    fn upgrades_downgrades_and_removals_are_told_apart() {
        let world = World::offering(&[
            Deb::new("up", "1.0"), Deb::new("up", "2.0"), Deb::new("down", "1.0"), Deb::new("down", "2.0"),
            Deb::new("gone", "1.0"), Deb::new("winner", "1.0").conflicts("gone"), Deb::new("same", "1.0"),
        ]);
        world.sandbox.install(&["up=1.0", "down=2.0", "gone=1.0", "same"]);
        let changes = world.resolve("up\ndown=1.0\nwinner\nsame=1.0\n").unwrap();
        let told: Vec<_> = changes.iter().map(|change| (change.describe(), change.action, change.asked)).collect();
        assert_eq!(told, [
            ("down 2.0 → 1.0".into(), Action::Downgrade, true),
            ("gone - 1.0".into(), Action::Remove, false),
            ("up 1.0 → 2.0".into(), Action::Upgrade, true),
            ("winner + 1.0".into(), Action::Install, true),
        ]);
    }
}

ordinary! {
    fn a_held_package_is_shown_as_held() {
        let world = World::offering(&[Deb::new("demo-app", "1.0"), Deb::new("demo-app", "2.0")]);
        world.sandbox.install(&["demo-app=1.0"]);
        world.device.mend(&Mend::Select(vec![(reference("demo-app"), "hold".into())])).unwrap();
        assert!(world.resolve("demo-app").unwrap()[0].held);
    }
}

ordinary! {
    fn refusals_carry_apts_own_reason() {
        let world = World::offering(&[
            Deb::new("demo-app", "1.0"),
            Deb::new("needy", "1.0").depends("missing (>= 3), demo-app (>= 9)"),
            Deb::new("dep", "1.0"),
        ]);
        world.sandbox.install(&["dep"]);
        for (list, reason, words) in [
            ("no-such", Reason::UnknownPackage, "no-such"),
            ("missing", Reason::UnknownPackage, "missing"),
            ("demo-app=9.0", Reason::VersionUnavailable, "Version '9.0' for 'demo-app' was not found"),
            ("demo-app=1.0+", Reason::VersionUnavailable, "demo-app in version 1.0+"),
            ("needy", Reason::UnmetDependency, "missing (>= 3)"),
            // To apt a dot would be a pattern.
            ("demo.app", Reason::UnknownPackage, "demo.app"),
        ] {
            let failure = world.resolve(list).unwrap_err();
            assert_eq!(failure.reason, reason, "{list}: {failure}");
            assert!(failure.message.contains(words), "{list}: {failure}");
        }
    }
}

ordinary! {
    fn an_empty_list_does_not_even_read_the_sources() {
        let world = World::offering(&[]);
        world.sandbox.repository().delete();
        assert!(world.resolve("# nothing\n").unwrap().is_empty());
        let failure = world.resolve("demo-app").unwrap_err();
        assert_eq!(failure.reason, Reason::SourcesUnavailable, "{failure}");
    }
}

ordinary! {
    fn a_package_that_others_left_half_way_is_named_before_anything_is_planned() {
        let world = World::offering(&[Deb::new("half", "1.0"), Deb::new("other", "1.0")]);
        world.sandbox.install(&["half"]);
        for (status, word) in
            [("install ok half-configured", "half-configured"), ("install reinstreq half-installed", "half-installed")]
        {
            world.set_status("half", status);
            let failure = world.resolve("other").unwrap_err();
            assert_eq!(failure.reason, Reason::DeviceBroken, "{failure}");
            assert!(failure.message.contains(&format!("half is {word}")), "{failure}");
        }
        world.set_status("half", "install ok installed");
        std::fs::File::create(world.sandbox.path("var/lib/dpkg/updates/0001")).unwrap();
        assert_eq!(world.resolve("other").unwrap_err().reason, Reason::DeviceBroken);
    }
}

ordinary! {
    fn archives_are_fetched_once_each_and_read_in_place() {
        let world = World::offering(&[Deb::new("demo-app", "1:1.0").depends("demo-lib"), Deb::new("demo-lib", "1.0")]);
        let changes = world.resolve("demo-app").unwrap();
        let mut taken = Vec::new();
        world.device.fetch(&changes, &mut |change, path| {
            let digest = belay_agent::durable::digest_of_file(path).unwrap();
            assert_eq!(digest, change.new.as_ref().unwrap().sha256);
            taken.push(change.package.to_string());
            Ok(())
        }, &|_, _| ()).unwrap();
        assert_eq!(taken, ["demo-app", "demo-lib"]);
        world.sandbox.repository().delete();
        let failure = world.device.fetch(&changes, &mut |_, _| Ok(()), &|_, _| ()).unwrap_err();
        assert_eq!(failure.reason, Reason::SourcesUnavailable, "{failure}");
    }
}

ordinary! {
    fn the_inventory_knows_states_holds_marks_and_conffiles() {
        let world = World::offering(&[
            Deb::new("demo-app", "1:1.0").depends("demo-lib").conffile("/etc/demo.conf", "a\n"),
            Deb::new("demo-lib", "1.0").architecture(&native_architecture()).multi_arch("same"),
        ]);
        assert!(world.device.inventory().unwrap().packages.is_empty());
        world.sandbox.install(&["demo-app"]);
        let inventory = world.device.inventory().unwrap();
        let app = &inventory.packages[&id("demo-app")];
        assert!(app.is_installed());
        assert_eq!(app.version.as_ref().unwrap().as_str(), "1:1.0");
        assert_eq!(app.conffiles, ["/etc/demo.conf 60b725f10c9c85c70d97880dfe8191b3"]);
        assert!(inventory.automatic.contains(&id("demo-lib")) && !inventory.automatic.contains(&id("demo-app")));

        let wanted = [(id("demo-app"), true), (id("demo-lib"), false)].into();
        belay_agent::host::marks::set(&world.sandbox.path(""), world.device.architecture(), &wanted).unwrap();
        let automatic = world.device.inventory().unwrap().automatic;
        assert_eq!(automatic.iter().map(ToString::to_string).collect::<Vec<_>>(), ["demo-app"]);

        belay_agent::durable::write_atomic(&world.sandbox.path("var/lib/dpkg/status"), b"", 0o644).unwrap();
        let failure = world.device.inventory().unwrap_err();
        assert_eq!(failure.reason, Reason::DeviceBroken);
        assert!(failure.message.contains("status-old"), "{failure}");
    }
}
