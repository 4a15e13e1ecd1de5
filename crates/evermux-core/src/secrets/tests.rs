//! Planted secrets never survive; ordinary commands stay as they are.

use bstr::ByteSlice;
use proptest::prelude::*;

use super::*;

fn line(text: &str) -> String {
    mask_line(text.into()).0.to_string()
}

fn argv(words: &[&str]) -> String {
    let words: Vec<BString> = words.iter().map(|&word| BString::from(word)).collect();
    let masked = mask_argv(&words).0;
    masked.iter().map(|word| format!("[{word}]")).collect()
}

#[test]
fn the_shape_of_a_command_stays() {
    #[rustfmt::skip]
    let table = [
        ("mysql -u root -psecret db", "mysql -u root -p‹masked› db"),
        ("x --password=secret y", "x --password=‹masked› y"),
        ("x --password 'two words' y", "x --password '‹masked›' y"),
        ("x --password=a'b c'\"d\" y", "x --password=‹masked›''\"\" y"),
        ("x --password=\"a \\\" b\" y", "x --password=\"‹masked›\" y"),
        ("x --token $'a\\'b' y", "x --token $'‹masked›' y"),
        ("A=1 GITHUB_TOKEN=abc make | tee log", "A=1 GITHUB_TOKEN=‹masked› make | tee log"),
        ("curl -u me:secret https://x", "curl -u me:‹masked› https://x"),
        ("curl -sSu me:secret https://x", "curl -sSu me:‹masked› https://x"),
        ("curl -H 'Authorization: Bearer abc' x", "curl -H 'Authorization: Bearer ‹masked›' x"),
        ("curl -H \"X-Api-Key: abc\" x", "curl -H \"X-Api-Key: ‹masked›\" x"),
        ("curl -d '{\"user\": \"u\", \"password\": \"p w\", \"x\": 1}' x", "curl -d '{\"user\": \"u\", \"password\": \"‹masked›\", \"x\": 1}' x"),
        ("curl 'https://x/?a=1&token=abc&b=2'", "curl 'https://x/?a=1&token=‹masked›&b=2'"),
        ("git clone https://me:secret@host/x.git", "git clone https://me:‹masked›@host/x.git"),
        ("psql 'host=h password=abc dbname=d'", "psql 'host=h password=‹masked› dbname=d'"),
        ("psql postgres://u:p/a@s@host/db", "psql postgres://u:‹masked›@host/db"),
        ("docker run -e API_KEY=abc -p 80:80 image", "docker run -e API_KEY=‹masked› -p 80:80 image"),
        ("docker login -u me -p abc host", "docker login -u me -p ‹masked› host"),
        ("sshpass -p secret ssh -p 22 host", "sshpass -p ‹masked› ssh -p 22 host"),
        ("openssl enc -k secret -in f", "openssl enc -k ‹masked› -in f"),
        ("openssl rsa -passin pass:secret -passout env:P -in k", "openssl rsa -passin pass:‹masked› -passout env:‹masked› -in k"),
        ("ssh host 'mysql -psecret -e \"select 1\"'", "ssh host 'mysql -p‹masked› -e \"select 1\"'"),
        ("bash -c \"PGPASSWORD=abc psql\"", "bash -c \"PGPASSWORD=‹masked›\""),
        ("echo \"$(redis-cli -a secret ping)\" `redis-cli -a secret`", "echo \"$(redis-cli -a ‹masked› ping)\" `redis-cli -a ‹masked›`"),
        ("set -gx GITHUB_TOKEN abc", "set -gx GITHUB_TOKEN ‹masked›"),
        ("aws configure set aws_secret_access_key abc", "aws configure set aws_secret_access_key ‹masked›"),
        ("MOSH_KEY=abcdefghijklmnopqrstuv mosh-client 1.2.3.4 60001", "MOSH_KEY=‹masked› mosh-client 1.2.3.4 60001"),
        ("7z a -psecret x.7z f", "7z a -p‹masked› x.7z f"),
        ("echo ghp_0123456789abcdefghijABCDEFGHIJ > f", "echo ‹masked› > f"),
        ("cmd 2>&1 --token abc", "cmd 2>&1 --token ‹masked›"),
        ("x # --token abc don't", "x # --token ‹masked› don't"),
        ("x --token ${T:-abc}", "x --token ${‹masked›}"),
    ];
    for (before, after) in table {
        assert_eq!(line(before), after);
        assert!(mask_line(before.into()).1, "{before}");
    }
}

#[test]
fn arguments_keep_their_borders() {
    assert_eq!(argv(&["mysql", "--password", "a b", ""]), "[mysql][--password][‹masked›][]");
    assert_eq!(argv(&["env", "PASSWORD=a b", "x"]), "[env][PASSWORD=‹masked›][x]");
    assert_eq!(argv(&["sh", "-c", "mysql -psecret"]), "[sh][-c][mysql -p‹masked›]");
    assert_eq!(argv(&["redis-cli", "-a", "$ecret"]), "[redis-cli][-a][‹masked›]");
}

/// Commands as people type them, without a secret.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    "ssh -p 22 host", "ssh -o PasswordAuthentication=no -i ~/.ssh/id_ed25519 me@host", "mkdir -p a/b/c", "cp -p a b", "grep -p x", "python -u x.py",
    "python3 -m http.server -b 127.0.0.1 8000", "tar -cPf x.tar /etc", "less -k keys f", "mysql -u root -p db", "mysql -uroot -P 3306 --port=3307",
    "psql -U me -d db -p 5432", "docker run -p 80:80 -e TERM=xterm image", "docker compose -p project up", "podman ps -a", "curl -u me https://x",
    "curl -b cookies.txt -o out https://host:8080/a@b", "git commit -m 'pass the token on'", "git log --author=me -p", "git push origin HEAD:main",
    "git config credential.helper store", "git config --global core.askPass x", "make -k all KEY=value", "ls --sort=time --key", "sort -k 2 -t: f",
    "rsync --password-file=/x/y a b", "restic -p /path/file backup", "kubectl get secret name -o yaml", "kubectl -n x get pods", "gh auth login --with-token",
    "docker login --password-stdin", "ansible-playbook --ask-vault-pass x.yml", "vim +/token src/token.rs", "cat ~/.config/token", "man passwd",
    "passwd me", "sudo -u postgres psql", "su - me", "redis-cli -h host -p 6379 -n 1", "7z x -spe -oout x.7z", "zip -r x.zip p", "unzip -p x.zip f",
    "openssl x509 -in cert.pem -noout -text", "openssl s_client -connect host:443 -keyform PEM", "ssh-keygen -t ed25519 -f k", "ffmpeg -i a.mkv -c copy b.mkv",
    "journalctl -u ssh -f", "tail -f /var/log/x.log", "watch -n 1 'ls -l | wc -l'", "export EDITOR=vim PATH=$PATH:/x", "set -x PATH /x $PATH",
    "for f in *.txt; do echo \"$f\"; done", "[ \"$TOKEN\" = \"\" ] && echo none", "x --password \"$PASSWORD\"", "x --password=$(pass show x)", "PGPASSWORD=\"$P\" psql",
    "npm run build -- --max-tokens 100", "cargo test secrets::", "tmux new-session -s secret", "tmux set-environment -g EDITOR vim", "echo $((1 + 2))",
    "scp -P 22 a me@host:/tmp/secret.txt", "wget https://x/y?z=1", "vault status", "nmcli device status", "lftp -u me host", "http GET x/y a==b",
    "export SSH_AUTH_SOCK=/run/x GPG_TTY=/dev/pts/1", "awk -F: '{print $1}' /etc/passwd", "sed -e 's/a:/b:/' f", "jq '.token' f", "rg 'password=' src",
    "GOOGLE_APPLICATION_CREDENTIALS=/x/y.json run", "TLS_PRIVATE_KEY=/x/y.pem run", "sk-learn --help", "npm_config_registry=x npm i", "date +%H:%M:%S",
    "export PASSWORD_STORE_DIR=~/x", "git clone git@github.com:me/x.git", "git clone ssh://git@host:22/x.git", "find . -name '*.key' -newer x", "",
    "bat --paging=never f", "htop -p 1,2", "iftop -i eth0 -P", "mosh --ssh='ssh -p 22' host", "curl -X POST -H 'Content-Type: application/json' -d '{\"a\": \"b\"}' x",
];

#[test]
fn ordinary_commands_stay_as_they_are() {
    for &command in ORDINARY {
        assert_eq!((line(command).as_str(), mask_line(command.into()).1), (command, false));
        if let Some(words) = shlex::split(command) {
            let words: Vec<BString> = words.into_iter().map(BString::from).collect();
            // `$PASSWORD` among arguments is no reference any more, and `$(…)` is none either.
            if !command.contains("PASSWORD") && !command.contains("$(") {
                assert_eq!(mask_argv(&words), (words, false));
            }
        }
    }
}

#[test]
fn what_is_masked_says_so() {
    assert!(mask_line(format!("x --y {MASK}").as_str().into()).1);
    assert!(mask_argv(&[MASK.into()]).1);
    assert!(!mask_argv(&["x".into()]).1);
}

#[test]
fn values_of_variables() {
    let value = |name: &str, value: &str| mask_value(name.into(), value.into()).0.to_string();
    assert_eq!(value("GITHUB_TOKEN", "abc"), MASK);
    assert_eq!(value("DATABASE_URL", "postgres://u:secret@h/d"), "postgres://u:‹masked›@h/d");
    assert_eq!(value("X", "AKIAIOSFODNN7EXAMPLE"), MASK);
    assert_eq!(value("GOOGLE_APPLICATION_CREDENTIALS", "/x/y"), "/x/y");
    assert_eq!(value("EDITOR", "vim"), "vim");
}

#[test]
fn texts_of_logs() {
    let text = |text: &str| mask_text(text.into()).0.to_string();
    assert_eq!(
        text("failed: curl -H \"Authorization: Basic abc=\" x"),
        "failed: curl -H \"Authorization: Basic ‹masked›\" x"
    );
    assert_eq!(
        text("cannot reach https://u:secret@h/x: timeout"),
        "cannot reach https://u:‹masked›@h/x: timeout"
    );
    assert_eq!(text("set password=abc for x"), "set password=‹masked› for x");
    assert_eq!(text("pane work:1.0: cannot read"), "pane work:1.0: cannot read");
}

#[test]
fn private_keys_lose_their_body() {
    let key =
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
    let (masked, found) = mask_argv(&["echo".into(), key.into()]);
    assert!(found);
    assert_eq!(masked[1], "-----BEGIN OPENSSH PRIVATE KEY-----‹masked›-----END OPENSSH PRIVATE KEY-----\n");
}

/// Commands with a secret, its place marked `@@`, as lines of shell.
#[rustfmt::skip]
const PLANTED: &[&str] = &[
    "x --password @@", "x --password=@@", "x --passwd '@@'", "x --token=\"@@\"", "x --api-key @@", "x -password @@", "x --db-password @@",
    "x --client-secret @@", "x --secret=@@", "x --access-token @@", "mysql -u r -p@@", "mysqldump -p@@ db", "mariadb -vp@@", "sshpass -p @@ ssh h", "sshpass -p@@ ssh h",
    "curl -u me:@@ x", "curl -ume:@@ x", "curl --user me:@@ x", "curl --user=me:@@ x", "curl -H 'Authorization: Bearer @@' x",
    "curl -H 'X-Api-Key: @@' x", "curl -H 'X-Api-Key:@@' x", "curl --header 'PRIVATE-TOKEN: @@' x", "curl -b 'sid=@@' x", "curl 'https://h/?token=@@'",
    "curl 'https://h/?a=b&api_key=@@&c=d'", "curl -d password=@@ x", "curl -d '{\"password\": \"@@\"}' x", "curl -d '{\"password\":\"@@\"}' x",
    "curl -d \"{\\\"token\\\": \\\"@@\\\"}\" x", "PGPASSWORD=@@ psql", "env A=1 SECRET_KEY=@@ x", "export MY_TOKEN=@@", "docker run -e DB_PASSWORD=@@ i",
    "docker run --env=DB_PASSWORD=@@ i", "docker build --build-arg NPM_TOKEN=@@ .", "docker login -u me -p @@", "docker login -p@@", "git clone https://u:@@@h/x",
    "git clone https://@@:x-oauth-basic@h/x --password @@", "psql postgresql://u:@@@h/d", "psql 'host=h password=@@ user=u'", "psql \"password='@@'\"", "redis-cli -a @@",
    "redis-cli -u redis://:@@@h", "mongosh -u me -p @@", "mongosh mongodb+srv://u:@@@h/d", "openssl enc -k @@", "openssl rsa -passin pass:@@", "7z x -p@@ f", "zip -P @@ z f",
    "zip -rP @@ z f", "unzip -P @@ z", "MOSH_KEY=@@ mosh-client 1 2", "java -Dspring.datasource.password=@@ -jar x", "keytool -storepass @@", "ldapsearch -w @@",
    "smbclient -U u%@@ //h/s", "mount -t cifs -o username=u,password=@@ //h/s /m", "npm config set //registry/:_authToken @@", "npm config set //registry/:_authToken=@@",
    "aws configure set aws_secret_access_key @@", "set -gx API_TOKEN @@", "setenv API_TOKEN @@", "tmux set-environment API_TOKEN @@", "gh secret set X --body @@",
    "htpasswd -nb user @@", "wpa_passphrase net @@", "nmcli dev wifi connect net password @@", "xfreerdp /u:me /p:@@ /v:h", "ssh-keygen -N @@ -f k", "ssh-keygen -N '@@' -f k",
    "ssh h 'mysql -p@@ db'", "sh -c 'curl -u me:@@ x'", "sudo -u x env Y=1 mysql -p@@", "watch \"redis-cli -a @@ info\"", "ssh h \"sh -c 'mysql -p@@'\"", "docker exec db mysql -p@@",
    "http -a me:@@ x", "http x 'Authorization:Token @@'", "vault login @@", "lftp -u me,@@ h", "helm install --set db.password=@@ x", "echo \"$(mysql -p@@)\"", "echo `mysql -p@@`",
    "x --password \"a $HOME @@\"", "x --password $'@@\\n'", "x --password a'@@'b", "x --token ${T:-@@}", "tailscale up --authkey @@", "sqlplus u/@@@h", "x && y --token @@ | z",
    "(cd x; y --token @@)", "x 2>&1 --token @@", "x --key=@@", "snmpwalk -v 2c -c @@ h", "useradd -p @@ me", "mysqladmin password @@", "ngrok authtoken @@", "x user[password]=@@",
    "echo ghp_@@", "echo github_pat_@@", "x glpat-@@ y", "x xoxb-@@", "x sk-ant-@@", "x sk-@@", "x hf_@@", "x npm_@@@@", "x pypi-AgE@@", "x sk_live_@@", "x AIza@@@@", "x dop_v1_@@@@",
    "x 'eyJ@@.eyJ@@.@@'", "x https://hooks.slack.com/services/@@", "printf '%s' '-----BEGIN RSA PRIVATE KEY-----@@-----END RSA PRIVATE KEY-----'",
];

/// Those of them that mean the same without a shell.
fn without_shell() -> Vec<&'static str> {
    PLANTED.iter().copied().filter(|template| !template.contains(['$', '`', ';', '|', '(', '\\'])).collect()
}

/// Secrets that any of the shapes may hold: with digits and letters, at least 20 characters.
fn secret() -> impl Strategy<Value = String> {
    "[a-zA-Z]{4}[0-9]{3}[a-zA-Z0-9]{16}"
}

/// What may stand around: before it, another command or words.
fn around() -> impl Strategy<Value = (&'static str, &'static str)> {
    let before = proptest::sample::select(vec![
        "",
        "cd /tmp && ",
        "A=b ",
        "sudo ",
        "true; ",
        "echo 'quoted text' | ",
        "if x; then ",
    ]);
    let after = proptest::sample::select(vec![
        "",
        " > log",
        " && ls -la",
        " | grep -p x",
        " 'last words'",
        " # done",
        "; fi",
    ]);
    (before, after)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_planted_secret_never_survives_in_a_line(
        template in proptest::sample::select(PLANTED), secret in secret(), (before, after) in around(),
    ) {
        let planted = format!("{before}{}{after}", template.replace("@@", &secret));
        let (masked, found) = mask_line(planted.as_str().into());
        prop_assert!(found, "{planted}");
        prop_assert!(!masked.contains_str(&secret), "{planted} became {masked}");
        prop_assert_eq!(mask_line(masked.as_ref()), (masked.clone(), true));
    }

    #[test]
    fn a_planted_secret_never_survives_in_arguments(
        template in proptest::sample::select(without_shell()), secret in secret(), before in proptest::sample::select(vec!["", "sudo -u me ", "nice -n 5 "]),
    ) {
        let planted = format!("{before}{}", template.replace("@@", &secret));
        let words: Vec<BString> = shlex::split(&planted).unwrap().into_iter().map(BString::from).collect();
        let (masked, found) = mask_argv(&words);
        prop_assert!(found, "{planted}");
        prop_assert!(!masked.iter().any(|word| word.contains_str(&secret)), "{planted} became {masked:?}");
        prop_assert_eq!(masked.len(), words.len());
        prop_assert_eq!(mask_argv(&masked), (masked.clone(), true));
    }

    #[test]
    fn secrets_of_any_characters_are_masked_whole(
        secret in "[ -~]{1,40}", flag in proptest::sample::select(vec!["--password", "--api-token", "--client-secret"]),
    ) {
        prop_assume!(!secret.starts_with('-'));
        let words: Vec<BString> = vec!["x".into(), flag.into(), secret.as_str().into(), "y".into()];
        prop_assert_eq!(&mask_argv(&words).0[2], MASK);
        let joined = [BString::from("x"), format!("{flag}={secret}").into()];
        prop_assert_eq!(&mask_argv(&joined).0[1], &format!("{flag}={MASK}"));
        let quoted = shlex::try_quote(&secret).unwrap();
        let (masked, found) = mask_line(format!("x {flag} {quoted} y").as_str().into());
        prop_assert!(found);
        prop_assert!(masked.len() <= "x  y".len() + flag.len() + MASK.len() + quoted.len() - secret.len() + 2, "{masked}");
    }

    #[test]
    fn masking_twice_is_masking_once(text in ".{0,60}", bytes in proptest::collection::vec(any::<u8>(), 0..60), words in noise()) {
        for text in [text.as_bytes(), &bytes, words.as_bytes()] {
            let (masked, found) = mask_line(text.into());
            prop_assert_eq!(mask_line(masked.as_ref()), (masked.clone(), found));
            prop_assert!(found || masked == text);
            let (masked, found) = mask_text(text.into());
            prop_assert_eq!(mask_text(masked.as_ref()), (masked.clone(), found));
            prop_assert!(found || masked == text);
            let argv: Vec<BString> = text.split_str(" ").map(BString::from).collect();
            let (masked, found) = mask_argv(&argv);
            prop_assert_eq!(mask_argv(&masked), (masked.clone(), found));
            prop_assert!(found || masked == argv);
        }
    }
}

/// Lines made of the pieces that the rules look for.
fn noise() -> impl Strategy<Value = String> {
    #[rustfmt::skip]
    let pieces = proptest::sample::select(vec![
        " ", " ", "'", "\"", "\\", "$(", ")", "`", "${", "}", "=", ":", "://", "@", "&", "?", "/", "-p", "--password", "token", "mysql", "curl", "-u", "a1B2c3D4e5F6g7H8i9J0",
        "ghp_", "eyJ", ".", "‹masked›", "‹", "›", "masked", "password", "Authorization", "Bearer ", "-----", "BEGIN ", "PRIVATE KEY", "#", "\n", ";", "set", "$x", "$'", "key", "login",
        "-----BEGIN RSA PRIVATE KEY-----", "hooks.slack.com/services/", ":AA", "123456789",
    ]);
    proptest::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

#[test]
fn long_and_hostile_texts_take_no_time() {
    let long = 20_000;
    for piece in [
        "password=",
        "password=\"",
        "://",
        "eyJ.",
        "xoxb-",
        "PRIVATE KEY",
        "token: ",
        "mysql -p1 ",
        "$(",
        "\"",
        "`x",
        "a:b@",
        MASK,
    ] {
        let text = piece.repeat(long / piece.len());
        let begun = std::time::Instant::now();
        let _ = mask_line(text.as_str().into());
        let _ = mask_text(text.as_str().into());
        let _ = mask_argv(&[text.into()]);
        // In a build without optimisation on a busy machine; quadratic work would take minutes.
        assert!(begun.elapsed().as_secs() < 20, "{piece}");
    }
}
