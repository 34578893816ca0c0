//! Transactions on real packages, by each rung.

use std::cell::RefCell;

use belay_agent::durable;
use belay_agent::host::device::{Archive, Device, Mend, PackageRef, Rung, TransactError, Transaction};
use belay_protocol::{PackageId, Reason};
use belay_testkit::deb::native_architecture;
use belay_testkit::{Deb, Script, Snapshot, assert_same};

use crate::support::{World, id, ordinary, reference};

fn demo(version: &str) -> Deb {
    Deb::new("demo-app", version).conffile("/etc/demo.conf", format!("{version}\n"))
}

fn untouched(result: Result<(), TransactError>) -> belay_protocol::Failure {
    match result {
        Err(TransactError::Untouched(failure)) => failure,
        other => panic!("{other:?}"),
    }
}

fn touched(result: Result<(), TransactError>) -> (belay_protocol::Failure, Option<(String, String)>) {
    match result {
        Err(TransactError::Touched { failure, script }) => {
            (failure, script.map(|(package, script)| (package.to_string(), script)))
        }
        other => panic!("{other:?}"),
    }
}

ordinary! {
    fn every_rung_installs_upgrades_downgrades_removes_and_purges() {
        for rung in [Rung::Apply, Rung::Apt, Rung::Dpkg] {
            let world = World::offering(&[demo("1.0"), demo("1:2.0"), demo("0.5~rc1"),
                Deb::new("leave", "1.0").conffile("/etc/leave", "x\n"), Deb::new("purge", "1.0").conffile("/etc/purge", "x\n")]);
            world.sandbox.install(&["demo-app=1.0", "leave", "purge"]);
            let mut transaction = world.install(rung, &[("demo-app", "1:2.0")]);
            transaction.remove.push(reference("leave"));
            transaction.purge.push(reference("purge"));
            transaction.status = Some(world.device.status_digest().unwrap());
            world.sandbox.repository().delete();
            let told = RefCell::new(Vec::new());
            world.device.transact(&transaction, &|percent, text| told.borrow_mut().push((percent, text.to_owned()))).unwrap();
            assert_eq!(world.packages(), ["demo-app 1:2.0 ii", "leave 1.0 rc"], "{rung:?}");
            assert!(told.borrow().len() > 2, "{rung:?} says how far it is: {told:?}");

            world.sandbox.repository().publish(&[demo("0.5~rc1")]);
            world.device.transact(&world.install(rung, &[("demo-app", "0.5~rc1")]), &|_, _| ()).unwrap();
            assert_eq!(world.sandbox.installed_version("demo-app").as_deref(), Some("0.5~rc1"));
        }
    }
}

ordinary! {
    fn a_transaction_that_is_done_already_is_done_again_without_harm() {
        for rung in [Rung::Apply, Rung::Apt, Rung::Dpkg] {
            let world = World::offering(&[demo("1.0"), Deb::new("purge", "1.0").conffile("/etc/purge", "x\n")]);
            world.sandbox.install(&["purge"]);
            let mut transaction = world.install(rung, &[("demo-app", "1.0")]);
            transaction.purge.push(reference("purge"));
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            let before = Snapshot::of(&world.sandbox);
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            assert_same(&before, &Snapshot::of(&world.sandbox));
        }
    }
}

ordinary! {
    fn packages_changed_by_others_stop_it_before_anything_happens() {
        for rung in [Rung::Apply, Rung::Dpkg] {
            let world = World::offering(&[demo("1.0"), demo("2.0"), Deb::new("other", "1.0")]);
            world.sandbox.install(&["demo-app=1.0"]);
            let mut transaction = world.install(rung, &[("demo-app", "2.0")]);
            transaction.status = Some(world.device.status_digest().unwrap());
            world.sandbox.install(&["other"]);
            let before = Snapshot::of(&world.sandbox);
            let failure = untouched(world.device.transact(&transaction, &|_, _| ()));
            assert_eq!(failure.reason, Reason::PlanChanged, "{failure}");
            assert_same(&before, &Snapshot::of(&world.sandbox));
        }
    }
}

ordinary! {
    fn a_forged_archive_is_refused_by_name_right_before_dpkg() {
        for rung in [Rung::Apply, Rung::Apt, Rung::Dpkg] {
            let world = World::offering(&[demo("1.0"), demo("2.0")]);
            world.sandbox.install(&["demo-app=1.0"]);
            let transaction = world.install(rung, &[("demo-app", "2.0")]);
            let forged = demo("2.0").file("/usr/bin/evil", "evil").build(&world.sandbox.dir().join("forged"));
            std::fs::copy(forged, &transaction.install[0].path).unwrap();
            let before = Snapshot::of(&world.sandbox);
            let failure = untouched(world.device.transact(&transaction, &|_, _| ()));
            assert_eq!(failure.reason, Reason::DigestMismatch, "{failure}");
            assert!(failure.message.contains("demo-app 2.0"), "{failure}");
            assert_same(&before, &Snapshot::of(&world.sandbox));
            std::fs::remove_file(&transaction.install[0].path).unwrap();
            assert_eq!(untouched(world.device.transact(&transaction, &|_, _| ())).reason, Reason::VaultDamaged);
        }
    }
}

ordinary! {
    fn a_removal_that_nobody_planned_stops_it() {
        let world = World::offering(&[demo("1.0"), Deb::new("loser", "1.0"), demo("2.0").conflicts("loser"),
            Deb::new("planned", "1.0")]);
        world.sandbox.install(&["demo-app=1.0", "loser", "planned"]);
        let mut transaction = world.install(Rung::Apply, &[("demo-app", "2.0")]);
        let before = Snapshot::of(&world.sandbox);
        let failure = untouched(world.device.transact(&transaction, &|_, _| ()));
        assert!(failure.message.contains("would have to remove packages that are no part of this: loser"), "{failure}");
        // Where some removals are planned, the hook tells the others apart.
        transaction.remove.push(reference("planned"));
        let failure = untouched(world.device.transact(&transaction, &|_, _| ()));
        assert_eq!(failure.reason, Reason::ResultDiffers, "{failure}");
        assert!(failure.message.contains("apt would remove loser, which is not planned"), "{failure}");
        assert_same(&before, &Snapshot::of(&world.sandbox));
    }
}

ordinary! {
    fn the_script_that_stopped_it_is_named() {
        let failing = |name: &str, version: &str, script| Deb::new(name, version).script(script, "exit 7");
        let world = World::offering(&[
            Deb::new("post", "1.0"), failing("post", "2.0", Script::Postinst),
            Deb::new("pre", "1.0"), failing("pre", "2.0", Script::Preinst),
            failing("rm", "1.0", Script::Prerm), failing("rm", "2.0", Script::Prerm), failing("old", "1.0", Script::Postrm),
        ]);
        world.sandbox.install(&["post=1.0", "pre=1.0", "rm=1.0", "old"]);
        for (name, script) in [("post", "postinst"), ("pre", "preinst"), ("rm", "prerm")] {
            for rung in [Rung::Apply, Rung::Apt, Rung::Dpkg] {
                let (failure, found) = touched(world.device.transact(&world.install(rung, &[(name, "2.0")]), &|_, _| ()));
                assert_eq!(found, Some((name.to_owned(), script.to_owned())), "{rung:?}: {failure}");
                assert_eq!(failure.reason, Reason::ApplyFailed);
                assert!(failure.message.contains("exit status 7"), "{failure}");
                world.device.transact(&world.install(Rung::Apt, &[(name, "1.0")]), &|_, _| ()).unwrap();
            }
        }
        let mut transaction = world.install(Rung::Apt, &[]);
        transaction.purge.push(reference("old"));
        let (_, script) = touched(world.device.transact(&transaction, &|_, _| ()));
        assert_eq!(script, Some(("old".into(), "postrm".into())));
        world.device.mend(&Mend::Neutralise { package: reference("old"), script: "postrm".into() }).unwrap();
        world.device.transact(&transaction, &|_, _| ()).unwrap();
        assert!(!world.device.inventory().unwrap().packages.contains_key(&id("old")));
    }
}

ordinary! {
    fn every_state_that_a_crash_leaves_is_repaired() {
        for rung in [Rung::Apt, Rung::Dpkg] {
            for status in ["install reinstreq half-installed", "install ok unpacked", "install ok half-configured",
                "install reinstreq unpacked"] {
                let world = World::offering(&[demo("1.0"), demo("2.0"), Deb::new("other", "1.0"), Deb::new("other", "2.0")]);
                world.sandbox.install(&["demo-app=1.0", "other=2.0"]);
                world.set_status("demo-app", status);
                std::fs::File::create(world.sandbox.path("var/lib/dpkg/updates/0001")).unwrap();
                let transaction = world.install(rung, &[("demo-app", "1.0"), ("other", "1.0")]);
                world.device.transact(&transaction, &|_, _| ()).unwrap_or_else(|error| panic!("{rung:?} {status}: {error:?}"));
                assert_eq!(world.packages(), ["demo-app 1.0 ii", "other 1.0 ii"], "{rung:?} {status}");
            }
        }
    }
}

ordinary! {
    fn an_edited_conffile_stays_as_it_is() {
        let world = World::offering(&[demo("1.0"), demo("2.0")]);
        world.sandbox.install(&["demo-app=1.0"]);
        let path = world.sandbox.path("etc/demo.conf");
        durable::write_atomic(&path, b"edited\n", 0o644).unwrap();
        world.device.transact(&world.install(Rung::Apply, &[("demo-app", "2.0")]), &|_, _| ()).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), "edited\n");
    }
}

ordinary! {
    fn the_devices_hooks_run_with_updates_and_not_with_rollbacks() {
        let world = World::offering(&[demo("1.0"), demo("2.0")]);
        let mark = world.sandbox.dir().join("hooked");
        let hook = format!("DPkg::Post-Invoke {{ \"touch {}\"; }};\nAPT::Default-Release \"stable\";\n", mark.display());
        durable::write_atomic(&world.sandbox.path("etc/apt/apt.conf.d/90hook"), hook.as_bytes(), 0o644).unwrap();
        world.device.transact(&world.install(Rung::Apt, &[("demo-app", "2.0")]), &|_, _| ()).unwrap();
        assert!(!mark.exists());
        world.device.transact(&world.install(Rung::Apply, &[("demo-app", "1.0")]), &|_, _| ()).unwrap();
        assert!(mark.exists());
        assert!(world.device.preflight().iter().any(|line| line.starts_with("/etc/apt/apt.conf.d/90hook has a Post-Invoke hook")));
    }
}

ordinary! {
    fn a_held_package_is_changed_where_the_transaction_names_it() {
        let world = World::offering(&[demo("1.0"), demo("2.0")]);
        world.sandbox.install(&["demo-app=1.0"]);
        world.device.mend(&Mend::Select(vec![(reference("demo-app"), "hold".into())])).unwrap();
        world.device.transact(&world.install(Rung::Apply, &[("demo-app", "2.0")]), &|_, _| ()).unwrap();
        assert_eq!(world.sandbox.installed_version("demo-app").as_deref(), Some("2.0"));
    }
}

ordinary! {
    fn packages_of_two_architectures_are_kept_apart() {
        let native = native_architecture();
        let foreign = if native == "armhf" { "arm64" } else { "armhf" };
        let lib = |version: &str, architecture: &str| Deb::new("demo-lib", version).architecture(architecture).multi_arch("same")
            .file(&format!("/usr/lib/{architecture}/demo"), version);
        let world = World::offering(&[lib("1:1.0", &native), lib("1:1.0", foreign), lib("1:2.0", &native), lib("1:2.0", foreign)]);
        let known = format!("{native}\n{foreign}\n");
        durable::write_atomic(&world.sandbox.path("var/lib/dpkg/arch"), known.as_bytes(), 0o644).unwrap();
        let list = format!("demo-lib=1:1.0\ndemo-lib:{foreign}=1:1.0");
        let changes = world.resolve(&list).unwrap();
        let told: Vec<_> = changes.iter().map(belay_protocol::plan::Change::describe).collect();
        assert_eq!(told, ["demo-lib + 1:1.0".to_owned(), format!("demo-lib:{foreign} + 1:1.0")]);

        let archives = |changes: &[belay_protocol::plan::Change]| {
            let mut install = Vec::new();
            world.device.fetch(changes, &mut |change, path| {
                let new = change.new.clone().unwrap();
                let (package, path) = (change.package.clone(), path.to_owned());
                install.push(Archive { package, version: new.version, architecture: new.architecture, path, sha256: new.sha256 });
                Ok(())
            }, &|_, _| ()).unwrap();
            install
        };
        for rung in [Rung::Apply, Rung::Apt, Rung::Dpkg] {
            let install = archives(&changes);
            let mut transaction = Transaction { install, remove: Vec::new(), purge: Vec::new(), status: None, rung };
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            let inventory = world.device.inventory().unwrap();
            let names: Vec<_> = inventory.packages.keys().map(ToString::to_string).collect();
            assert_eq!(names, ["demo-lib".to_owned(), format!("demo-lib:{foreign}")]);

            let up = world.resolve(&format!("demo-lib\ndemo-lib:{foreign}")).unwrap();
            transaction.install = archives(&up);
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            assert!(world.device.inventory().unwrap().packages.values().all(|record| record.version.as_ref().unwrap().as_str() == "1:2.0"));

            let reference = |architecture: &str| PackageRef {
                package: PackageId::new("demo-lib".parse().unwrap(), &architecture.parse().unwrap(), world.device.architecture()),
                architecture: architecture.parse().unwrap(),
            };
            transaction.install.clear();
            transaction.purge = vec![reference(foreign)];
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            let names: Vec<_> = world.device.inventory().unwrap().packages.keys().map(ToString::to_string).collect();
            assert_eq!(names, ["demo-lib"], "{rung:?}");
            transaction.purge = vec![reference(&native)];
            world.device.transact(&transaction, &|_, _| ()).unwrap();
            assert_eq!(world.packages(), Vec::<String>::new());
        }
    }
}

ordinary! {
    fn a_package_that_had_to_go_comes_back_when_its_rival_goes() {
        for rung in [Rung::Apt, Rung::Dpkg] {
            let world = World::offering(&[Deb::new("old", "1.0").file("/usr/share/it", "old"),
                Deb::new("needs-old", "1.0").depends("old"),
                Deb::new("rival", "1.0").file("/usr/share/it", "rival").conflicts("old").replaces("old")]);
            world.sandbox.install(&["old", "needs-old"]);
            let before = Snapshot::of(&world.sandbox);
            let mut there = world.install(Rung::Apply, &[("rival", "1.0")]);
            there.remove = vec![reference("old"), reference("needs-old")];
            world.device.transact(&there, &|_, _| ()).unwrap();
            assert_eq!(world.packages(), ["rival 1.0 ii"]);
            let mut back = world.install(rung, &[("old", "1.0"), ("needs-old", "1.0")]);
            back.purge.push(reference("rival"));
            world.device.transact(&back, &|_, _| ()).unwrap();
            assert_same(&before, &Snapshot::of(&world.sandbox));
        }
    }
}
