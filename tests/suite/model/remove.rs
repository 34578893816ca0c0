//! How dpkg removes and purges a package.

use super::database::{Entry, Status};
use super::dpkg::{Dpkg, Step, failed, info};
use super::unpack::{NEW, backup, new};

impl Dpkg<'_> {
    /// `dpkg --remove` or `--purge` of one package.
    pub(super) fn remove(&mut self, name: &str, purge: bool, is_needed: bool) -> Step {
        let Some(found) = self.database.find(name) else { return Ok(()) };
        let (status, reinstreq) = (found.status, found.reinstreq);
        if status == Status::ConfigFiles && !purge {
            return Ok(());
        }
        let want = if purge { "purge" } else { "deinstall" };
        want.clone_into(&mut self.database.entry(name).want);
        self.database.note(name);
        if reinstreq && !self.forced {
            return Err(failed(format!("package {name} is in a very bad inconsistent state; you should reinstall it")));
        }
        if is_needed && !self.forced {
            return Err(failed(format!("dependency problems prevent removal of {name}")));
        }
        if status >= Status::HalfConfigured {
            self.database.entry(name).set(Status::HalfConfigured);
            self.database.note(name);
            let step = self.call_installed(name, "prerm", "remove");
            self.or_undo(step, |dpkg| {
                dpkg.call_installed(name, "postinst", "abort-remove")?;
                dpkg.set_installed(name, status);
                Ok(())
            })?;
        }
        if status >= Status::HalfInstalled {
            self.remove_files(name)?;
        }
        let has_nothing_left = !self.disk.has(&info(name, "postrm")) && self.database.entry(name).conffiles.is_empty();
        if !has_nothing_left && purge {
            self.purge_conffiles(name)?;
        }
        if has_nothing_left || purge {
            self.disk.remove(&info(name, "list"));
            self.disk.remove(&info(name, "postrm"));
            *self.database.entry(name) = Entry::unknown(name);
        }
        self.database.entry(name).reinstreq = false;
        self.database.note(name);
        Ok(())
    }

    fn remove_files(&mut self, name: &str) -> Step {
        self.database.entry(name).set(Status::HalfInstalled);
        self.database.note(name);
        let conffiles: Vec<String> =
            self.database.entry(name).conffiles.iter().map(|conffile| conffile.path.clone()).collect();
        let listed = self.disk.read(&info(name, "list")).unwrap_or_default();
        let (kept, gone): (Vec<&str>, Vec<&str>) =
            listed.lines().partition(|path| conffiles.iter().any(|conffile| conffile == path));
        for path in gone.into_iter().rev() {
            self.disk.remove(&backup(path));
            self.disk.remove(&new(path));
            self.disk.remove(path);
        }
        self.disk.replace(&info(name, "list"), &kept.iter().map(|path| format!("{path}\n")).collect::<String>());
        self.call_installed(name, "postrm", "remove")?;
        for kind in ["conffiles", "model", "preinst", "postinst", "prerm"] {
            self.disk.remove(&info(name, kind));
        }
        self.database.entry(name).set(Status::ConfigFiles);
        self.database.note(name);
        Ok(())
    }

    fn purge_conffiles(&mut self, name: &str) -> Step {
        let entry = self.database.entry(name);
        entry.configured = None;
        entry.conffiles.iter_mut().for_each(|conffile| NEW.clone_into(&mut conffile.hash));
        let paths: Vec<String> = entry.conffiles.iter().map(|conffile| conffile.path.clone()).collect();
        self.database.note(name);
        for path in paths {
            for ending in ["", ".dpkg-tmp", ".dpkg-new", ".dpkg-old", ".dpkg-dist"] {
                self.disk.remove(&format!("{path}{ending}"));
            }
        }
        self.database.entry(name).conffiles.clear();
        self.database.note(name);
        self.call_installed(name, "postrm", "purge")
    }
}
