//! The stage that transcripts are recorded on: real apt and dpkg in a sandbox.

use std::fs;
use std::process::Output;

use belay_testkit::command::output;
use belay_testkit::ownership::{create_dir, write, write_with_mode};
use belay_testkit::{Deb, Sandbox, Script};

use super::deb::{ModelDeb, SCRIPTS};
use super::transcript::{Act, FORCES, Outcome, Stage, files_of};

/// A sandbox with the packages of one transcript in its repository.
pub(crate) struct Real {
    sandbox: Sandbox,
}

impl Real {
    /// Builds the packages for real.
    pub(crate) fn new(debs: &[ModelDeb]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.repository().publish(&debs.iter().map(built).collect::<Vec<_>>());
        sandbox.update();
        Self { sandbox }
    }

    fn debs(&self, packages: &[String]) -> Vec<String> {
        let path = |package: &String| {
            let (name, version) = package.split_once('=').expect("a package to install has a version");
            self.sandbox.repository().deb(name, version).display().to_string()
        };
        packages.iter().map(path).collect()
    }

    fn dpkg(&self, action: &str, arguments: Vec<String>) -> bool {
        self.dpkg_with("--force-confdef,confold", action, arguments)
    }

    fn dpkg_with(&self, forces: &str, action: &str, arguments: Vec<String>) -> bool {
        let mut args = vec![forces.to_owned(), action.to_owned()];
        args.extend(arguments);
        said(self.sandbox.dpkg(&args))
    }

    fn apt(&self, args: &[&str], packages: &[String]) -> bool {
        let mut all = vec!["--allow-downgrades", "--allow-change-held-packages", "--no-install-recommends"];
        all.extend(NO_CACHE);
        all.extend_from_slice(args);
        all.extend(packages.iter().map(String::as_str));
        said(self.sandbox.apt(&all))
    }

    /// Installs from files with no source in sight.
    fn apt_files(&self, args: &[&str], packages: &[String], named: &[String]) -> bool {
        let run = self.sandbox.run_dir();
        for folder in ["lists/partial", "cache/archives/partial"] {
            create_dir(&run.join(folder));
        }
        let mut all = vec!["-o".to_owned(), format!("Dir::State::Lists={}/lists/", run.display())];
        all.extend(["-o".to_owned(), format!("Dir::Cache={}/cache/", run.display())]);
        for key in ["sourcelist", "sourceparts", "preferences", "preferencesparts"] {
            all.extend(["-o".to_owned(), format!("Dir::Etc::{key}=/dev/null")]);
        }
        all.extend(NO_CACHE.iter().chain(args).map(|&arg| arg.to_owned()));
        all.extend(["--allow-downgrades", "--allow-change-held-packages", "install"].map(str::to_owned));
        let argument = |package: &String| match package.contains('=') {
            true => self.debs(std::slice::from_ref(package)).remove(0),
            false => package.replace('_', "-"),
        };
        all.extend(packages.iter().map(argument).chain(named.iter().cloned()));
        if packages.iter().any(|package| package.ends_with('_')) {
            all.push("--purge".to_owned());
        }
        said(self.sandbox.apt(&all))
    }

    fn select(&self, package: &str, want: &str) -> bool {
        // dpkg reads selections from its standard input, which the kit keeps closed.
        let script = format!(
            "echo {package} {want} | dpkg --root={} --force-not-root --log=/dev/null --set-selections",
            self.sandbox.root().display()
        );
        said(output(self.sandbox.command("sh").args(["-c", &script])))
    }

    /// Kills dpkg as soon as the new filler begins to exist.
    fn cut_unpack(&self, package: &str) -> bool {
        let deb = self.debs(&[package.to_owned()]).remove(0);
        let name = package.split_once('=').expect("a package to install has a version").0;
        let filler = self.sandbox.path(format!("usr/share/{name}/filler.dpkg-new"));
        let root = self.sandbox.root();
        let mut dpkg = self
            .sandbox
            .command("dpkg")
            .args(["--force-not-root", "--force-script-chrootless", "--force-confdef,confold"])
            .arg(format!("--root={}", root.display()))
            .arg(format!("--log={}", root.join("var/log/dpkg.log").display()))
            .args(["--unpack", &deb])
            .spawn()
            .expect("dpkg starts");
        while !filler.exists() {
            assert!(dpkg.try_wait().expect("dpkg is ours").is_none(), "dpkg never wrote {}", filler.display());
            std::hint::spin_loop();
        }
        dpkg.kill().expect("dpkg is ours");
        dpkg.wait().expect("dpkg is ours");
        false
    }

    fn log(&self) -> String {
        fs::read_to_string(self.sandbox.path("var/log/dpkg.log")).unwrap_or_default()
    }

    fn outcome(&self, succeeds: bool, log_before: usize) -> Outcome {
        let mut updates = fs::read_dir(self.sandbox.path("var/lib/dpkg/updates")).expect("dpkg's folder is there");
        let format = "${Package}\\t${Version}\\t${db:Status-Want} ${db:Status-Eflag} ${db:Status-Status}\\t\
                      ${Config-Version}\\t${Conffiles}\u{1e}";
        let (mut packages, mut conffiles) = (Vec::new(), Vec::new());
        for record in self.sandbox.dpkg_query(format).split('\u{1e}').filter(|record| !record.is_empty()) {
            let fields: Vec<&str> = record.split('\t').collect();
            let [name, version, status, configured, files] = fields[..] else { panic!("{record:?} is no record") };
            let configured = if configured.is_empty() { String::new() } else { format!(" configured {configured}") };
            packages.push(format!("{name} {version} {status}{configured}"));
            let lines = files.lines().map(str::trim).filter(|line| !line.is_empty());
            conffiles.extend(lines.map(|line| format!("{name} {line}")));
        }
        packages.sort();
        conffiles.sort();
        Outcome {
            succeeds,
            interrupted: updates.next().is_some(),
            packages,
            conffiles,
            files: files_of(&self.sandbox.root()),
            trace: self.log()[log_before..].lines().filter_map(traced).collect(),
        }
    }
}

impl Stage for Real {
    fn play(&self, act: &Act) -> Outcome {
        let log_before = self.log().len();
        let succeeds = match act {
            Act::AptInstall(packages) => self.apt(&["install"], packages),
            Act::AptFiles(packages) => self.apt_files(&[], packages, &[]),
            Act::AptFilesAgain(packages) => self.apt_files(&["--reinstall"], packages, &[]),
            Act::AptFilesNamed(packages) => {
                let named: Vec<String> = packages.iter().filter(|package| package.contains('=')).cloned().collect();
                self.apt_files(&["--reinstall"], packages, &named)
            }
            Act::AptRemove(packages) => self.apt(&["remove"], packages),
            Act::AptPurge(packages) => self.apt(&["purge"], packages),
            Act::AptFix => self.apt(&["-f", "install"], &[]),
            Act::Install(packages) => self.dpkg("-i", self.debs(packages)),
            Act::ForceInstall(packages) => self.dpkg_with(FORCES, "-i", self.debs(packages)),
            Act::Unpack(packages) => self.dpkg("--unpack", self.debs(packages)),
            Act::CutUnpack(package) => self.cut_unpack(package),
            Act::Configure => self.dpkg("--configure", vec!["-a".to_owned()]),
            Act::Remove(packages) => self.dpkg("--remove", packages.clone()),
            Act::Purge(packages) => self.dpkg("--purge", packages.clone()),
            Act::ForcePurge(packages) => self.dpkg_with(FORCES, "--purge", packages.clone()),
            Act::Neutralise(package, script) => {
                let path = self.sandbox.path(format!("var/lib/dpkg/info/{package}.{script}"));
                write_with_mode(&path, "#!/bin/sh\nexit 0\n", 0o755);
                true
            }
            Act::Select(wants) => wants.iter().all(|(package, want)| self.select(package, want)),
            Act::Write(files) => {
                files.iter().for_each(|(path, content)| write(&self.sandbox.path(&path[1..]), content));
                true
            }
            Act::Delete(paths) => {
                let delete = |path: &String| fs::remove_file(self.sandbox.path(&path[1..]));
                paths.iter().for_each(|path| delete(path).expect("a file to delete is there"));
                true
            }
        };
        self.outcome(succeeds, log_before)
    }
}

/// apt takes a status file of the same size and second for the one that it has cached.
const NO_CACHE: [&str; 4] = ["-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="];

/// `2026-11-21 09:31:47 status unpacked demo-app:all 1.0` without its time; what is neither state nor script is left out.
fn traced(line: &str) -> Option<String> {
    let text = line.splitn(3, ' ').nth(2)?;
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["status", status, package, version] => {
            let name = package.split(':').next().unwrap_or(package);
            Some(format!("{status} {name} {version}"))
        }
        ["script", name, version, script, verb] => Some(format!("{script} {verb} of {name} {version}")),
        _ => None,
    }
}

/// Says what a program said where a person wants to see it.
#[expect(clippy::print_stderr, reason = "shown for failing tests only")]
fn said(output: Output) -> bool {
    eprintln!("{}", belay_testkit::command::transcript(&output));
    output.status.success()
}

fn built(model: &ModelDeb) -> Deb {
    let mut deb = Deb::new(&model.name, &model.version).architecture(&model.architecture);
    for (field, relations) in [("Depends", &model.depends), ("Conflicts", &model.conflicts)] {
        if !relations.is_empty() {
            deb = deb.field(field, &relations.join(", "));
        }
    }
    deb = model.conffiles.iter().fold(deb, |deb, (path, content)| deb.conffile(path, content));
    deb = model.files.iter().fold(deb, |deb, (path, content)| deb.file(path, content));
    if model.filler > 0 {
        deb = deb.file(&model.filler_path(), vec![0; model.filler]);
    }
    if model.plain {
        return deb;
    }
    let scripts = [Script::Preinst, Script::Postinst, Script::Prerm, Script::Postrm];
    scripts.into_iter().zip(SCRIPTS).fold(deb, |deb, (script, name)| deb.script(script, &body(model, name)))
}

/// A script that says in dpkg's own log how it was called, then fails or kills dpkg where it is asked to.
fn body(model: &ModelDeb, script: &str) -> String {
    let (name, version) = (&model.name, &model.version);
    let mut body = format!("echo \"- - script {name} {version} {script} $1\" >> \"$DPKG_ROOT/var/log/dpkg.log\"\n");
    for (slots, deed) in [(&model.failing, "exit 1"), (&model.killing, "kill -9 $PPID; exit 1")] {
        for verb in slots.iter().filter_map(|slot| slot.strip_prefix(script)?.strip_prefix(' ')) {
            body += &format!("if [ \"$1\" = {verb} ]; then {deed}; fi\n");
        }
    }
    body
}
