//! What stands behind the `?` of the two GETs that read it. Pure.

use axum::extract::Query;
use axum::http::Uri;
use belay_protocol::PackageList;
use belay_protocol::job::Generation;

use super::errors::Refusal;

/// Reads `packages=a,b=1.0` of `GET /plan`.
pub(super) fn packages(uri: &Uri) -> Result<PackageList, Refusal> {
    let text = only(uri, "packages")?.ok_or_else(|| bad("packages", "name them: /plan?packages=demo-app,other=1.0"))?;
    // A query writes a space as `+`, and who writes `g++` or `1.0+deb12` there means what they wrote.
    let specs: Vec<String> = text.split(',').map(|spec| spec.trim_start().replace(' ', "+")).collect();
    Ok(PackageList::from_lines(specs.iter().map(String::as_str))?)
}

/// Reads the optional `to=N` of `GET /rollback`.
pub(super) fn to(uri: &Uri) -> Result<Option<Generation>, Refusal> {
    let text = only(uri, "to")?;
    let number = |text: String| text.parse().map(Generation).map_err(|_| bad("to", "it is a generation's number"));
    text.map(number).transpose()
}

/// The value of the only parameter that there may be.
fn only(uri: &Uri, name: &str) -> Result<Option<String>, Refusal> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map_err(|error| Refusal::BadQuery { field: None, detail: error.body_text() })?;
    match pairs.as_slice() {
        [] => Ok(None),
        [(key, value)] if key == name => Ok(Some(value.clone())),
        [(key, _)] if key != name => Err(bad(key, "there is no such parameter")),
        _ => Err(bad(name, "it is the only parameter, and given once")),
    }
}

fn bad(field: &str, detail: &str) -> Refusal {
    Refusal::BadQuery { field: Some(field.to_owned()), detail: format!("{field}: {detail}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn packages_are_read_between_commas_and_a_plus_stays_a_plus() {
        let list = packages(&uri("/plan?packages=g++,demo-app=1.0%2Bdeb12,%20lib:arm64")).unwrap();
        let specs: Vec<String> = list.specs().iter().map(ToString::to_string).collect();
        assert_eq!(specs, ["g++", "demo-app=1.0+deb12", "lib:arm64"]);
    }

    #[test]
    fn a_query_that_is_not_read_is_refused() {
        for (text, code) in [
            ("/plan", "bad_query"),
            ("/plan?package=a", "bad_query"),
            ("/plan?packages=aa&dry_run=false", "bad_query"),
            ("/plan?packages=aa&packages=bb", "bad_query"),
            ("/plan?packages=-oX", "bad_line"),
        ] {
            assert_eq!(packages(&uri(text)).map_err(|refusal| refusal.code()), Err(code), "{text}");
        }
    }

    #[test]
    fn a_rollback_may_name_its_goal() {
        assert_eq!(to(&uri("/rollback")), Ok(None));
        assert_eq!(to(&uri("/rollback?")), Ok(None));
        assert_eq!(to(&uri("/rollback?to=3")), Ok(Some(Generation(3))));
        for text in ["/rollback?to=", "/rollback?to=-1", "/rollback?to=x", "/rollback?too=3"] {
            assert_eq!(to(&uri(text)).map_err(|refusal| refusal.code()), Err("bad_query"), "{text}");
        }
    }
}
