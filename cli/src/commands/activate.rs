//! `infrai activate`: an anonymous account for this device.

use infrai::Result;

use crate::{
    args::{ActivateArgs, GlobalArgs},
    exit,
    output::{dollars, table},
    session::Session,
};

pub(super) async fn run(session: &Session, global: &GlobalArgs, args: &ActivateArgs) -> Result<u8> {
    let result = session.client.activate().region(&args.region).force(args.force).await?;
    // Another profile's account has a balance, and no new trial credit.
    let balance = match &result.existing_profile {
        Some(_) => session.client.account().balance().await.ok(),
        None => None,
    };
    // The key is in the file. Printed here, it could end up in a log.
    let mut json = result.to_json();
    if let Some(map) = json.as_object_mut() {
        map.remove("primary_api_key");
        map.insert("key_hint".into(), result.primary_api_key.redacted().into());
        map.insert("profile".into(), result.profile.clone().into());
        if let Some(balance) = &balance {
            map.insert("balance_usd".into(), balance.balance_usd.into());
        }
        if let Some(file) = &result.credentials_file {
            map.insert("credentials_file".into(), file.to_string_lossy().into());
        }
    }
    let status = match &result.existing_profile {
        _ if result.reused => "already activated; nothing was sent".to_owned(),
        Some(other) => format!("a further key of this device's account, which the profile {other:?} has too"),
        None => "activated".to_owned(),
    };
    let lines = table([
        ("status", Some(status)),
        ("account", result.account_id),
        ("project", result.project_id),
        ("key", Some(result.primary_api_key.redacted())),
        ("trial credit", result.trial_credit_usd.map(dollars)),
        ("balance", balance.map(|balance| dollars(balance.balance_usd))),
        ("add credit", result.checkout_url.filter(|_| !session.jobs_are_paused())),
        ("credentials", result.credentials_file.map(|file| file.display().to_string())),
        ("profile", Some(result.profile)),
    ]);
    session.out.result(&json, &lines)?;
    let environment = std::env::var_os("INFRAI_API_KEY").is_some_and(|key| !key.is_empty());
    if environment && global.profile.is_none() && !global.sandbox {
        session.note(
            "INFRAI_API_KEY is set and takes precedence over the stored key: unset it, or use --profile.",
        );
    }
    Ok(exit::OK)
}
