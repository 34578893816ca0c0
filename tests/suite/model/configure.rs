//! How dpkg configures a package, edited conffiles kept.

use super::database::Status;
use super::dpkg::{Dpkg, Step, failed};
use super::md5::md5;
use super::unpack::{NEW, new};

impl Dpkg<'_> {
    /// `dpkg --configure` of one package whose dependencies are met.
    pub(super) fn configure(&mut self, name: &str) -> Step {
        let Some(entry) = self.database.find(name) else {
            return Err(failed(format!("no package named {name} is installed")));
        };
        let status = entry.status;
        if !matches!(status, Status::Unpacked | Status::HalfConfigured) {
            return Err(failed(format!("package {name} is not ready for configuration")));
        }
        if entry.reinstreq {
            let message = format!("package {name} is in a very bad inconsistent state; you should reinstall it");
            return Err(failed(message));
        }
        if status == Status::Unpacked {
            self.database.note(name);
            for index in 0..self.database.entry(name).conffiles.len() {
                self.settle_conffile(name, index);
            }
            self.database.entry(name).set(Status::HalfConfigured);
        }
        self.database.note(name);
        self.call_installed(name, "postinst", "configure")?;
        self.set_installed(name, Status::Installed);
        Ok(())
    }

    /// Takes over the new version of a conffile unless somebody edited or deleted the old one.
    fn settle_conffile(&mut self, name: &str, index: usize) {
        let conffile = self.database.entry(name).conffiles[index].clone();
        let (path, waiting) = (&conffile.path, new(&conffile.path));
        let Some(shipped) = self.disk.read(&waiting).map(|text| md5(&text)) else { return };
        let found = self.disk.read(path).map(|text| md5(&text));
        let is_edited = match &found {
            Some(found) => *found != conffile.hash,
            None => conffile.hash != NEW,
        };
        if found.as_ref() == Some(&shipped) || !is_edited && shipped != conffile.hash {
            self.disk.rename(&waiting, path);
        } else if shipped == conffile.hash {
            self.disk.remove(&waiting);
        } else {
            self.disk.rename(&waiting, &format!("{path}.dpkg-dist"));
        }
        self.database.entry(name).conffiles[index].hash = shipped;
        self.database.note(name);
    }
}
