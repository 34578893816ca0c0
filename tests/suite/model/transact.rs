//! How the modelled device carries out a transaction, rung by rung.

use std::collections::BTreeSet;

use belay_agent::durable;
use belay_agent::host::device::{Archive, Device, PackageRef, Rung, TransactError, Transaction};
use belay_protocol::{Failure, PackageId, Reason};

use super::apt::{Call, Decision, Request};
use super::apt_run::carry_out;
use super::database::Database;
use super::deb::ModelDeb;
use super::device::ModelDevice;
use super::dpkg::{Dpkg, Ended};
use super::marks;

impl ModelDevice {
    /// Carries out a transaction.
    pub(super) fn transacted(&self, transaction: &Transaction) -> Result<(), TransactError> {
        let debs = self.prepared(transaction).map_err(TransactError::Untouched)?;
        let ended = match transaction.rung {
            Rung::Apply | Rung::Apt => {
                let decision = self.decided(transaction, &debs).map_err(TransactError::Untouched)?;
                let gone = decision.remove.iter().chain(&decision.purge);
                let touched: Vec<String> = decision.unpack.keys().chain(gone).cloned().collect();
                // apt takes what it installs from a file for something that was asked for.
                marks::mark(self.disk(), &[], &touched);
                carry_out(self.disk(), &decision)
            }
            Rung::Dpkg => self.force(transaction, &debs),
        };
        if ended.success() {
            return Ok(());
        }
        let told: Vec<&str> = ended.complaints.iter().map(|complaint| complaint.message.as_str()).collect();
        let message = if ended.killed { "dpkg was killed".to_owned() } else { told.join("; ") };
        let script = ended.complaints.iter().find_map(|complaint| complaint.script.clone());
        let script = script.map(|(name, script)| (name.parse::<PackageId>().expect("it is a name"), script));
        Err(TransactError::Touched { failure: Failure::new(Reason::ApplyFailed, message), script })
    }

    /// Checks what it is given, and brings dpkg's journal home where the rung is one of the ladder.
    fn prepared(&self, transaction: &Transaction) -> Result<Vec<ModelDeb>, Failure> {
        let debs = transaction.install.iter().map(checked).collect::<Result<Vec<_>, _>>()?;
        if let Some(status) = transaction.status
            && status != self.status_digest()?
        {
            return Err(Failure::new(Reason::PlanChanged, "packages were changed since the plan was made"));
        }
        if transaction.rung != Rung::Apply && Database::is_interrupted(self.disk()) {
            Dpkg::run(self.disk(), false, |_| Ok(()));
        }
        Ok(debs)
    }

    /// What apt makes of it; it must be what the transaction says and nothing else.
    fn decided(&self, transaction: &Transaction, debs: &[ModelDeb]) -> Result<Decision, Failure> {
        let install = debs.iter().map(|deb| Request::Install(deb.name.clone(), Some(deb.version.clone())));
        let remove = names(&transaction.remove).into_iter().map(Request::Remove);
        let purge = names(&transaction.purge).into_iter().map(Request::Purge);
        let requests: Vec<Request> = install.chain(remove).chain(purge).collect();
        let again = transaction.rung == Rung::Apt;
        let call = Call { files: debs.to_vec(), requests, again, ..Call::default() };
        let decision = call.decide(self.disk())?;
        let named: BTreeSet<&str> = call.requests.iter().map(Request::name).collect();
        let all = decision.unpack.keys().chain(&decision.remove).chain(&decision.purge);
        match all.map(String::as_str).find(|name| !named.contains(name)) {
            None => Ok(decision),
            Some(name) => {
                let message = format!("apt would also change {name}, which is no part of the transaction");
                Err(Failure::new(Reason::AptFailed, message))
            }
        }
    }

    fn force(&self, transaction: &Transaction, debs: &[ModelDeb]) -> Ended {
        let runs: [&dyn Fn(&mut Dpkg<'_>) -> super::dpkg::Step; 3] =
            [&|dpkg| dpkg.install(debs), &|dpkg| dpkg.remove_each(&names(&transaction.remove), false), &|dpkg| {
                dpkg.remove_each(&names(&transaction.purge), true)
            }];
        let mut complaints = Vec::new();
        for run in runs {
            let ended = Dpkg::run(self.disk(), true, run);
            if ended.killed {
                return ended;
            }
            complaints.extend(ended.complaints);
        }
        Ended { killed: false, complaints }
    }
}

/// Reads a .deb and makes sure that it is the one that is meant.
pub(super) fn checked(archive: &Archive) -> Result<ModelDeb, Failure> {
    let wrong = |what: String| {
        let (package, version, path) = (&archive.package, &archive.version, archive.path.display());
        Failure::new(Reason::DigestMismatch, format!("{path}, which must be {package} {version}, {what}"))
    };
    let digest = durable::digest_of_file(&archive.path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    if digest != archive.sha256 {
        return Err(wrong("does not have the digest that it must have".to_owned()));
    }
    let deb = ModelDeb::read(&archive.path).map_err(wrong)?;
    if deb.name != archive.package.name().as_str() || deb.version != archive.version.as_str() {
        return Err(wrong(format!("is {} {}", deb.name, deb.version)));
    }
    Ok(deb)
}

fn names(packages: &[PackageRef]) -> Vec<String> {
    packages.iter().map(|package| package.package.name().to_string()).collect()
}
