import type { JSX } from "react";
import { LANGUAGES, useStrings } from "../strings/index.ts";
import { Select, Switch } from "../ui/index.ts";
import { useKeeper } from "../use_keeper.ts";
import { useSetting } from "./use_setting.ts";

const THEMES = ["system", "light", "dark"] as const;

export function General(): JSX.Element {
  const strings = useStrings().settings;
  const keeper = useKeeper();
  const [language, setLanguage] = useSetting("language");
  const [theme, setTheme] = useSetting("theme");
  const [enterSends, setEnterSends] = useSetting("enterSends");
  const [reduceMotion, setReduceMotion] = useSetting("reduceMotion");
  // The examples start a Python of their own: they are of use where this page has one.
  const hasExamples = keeper === "page";
  return (
    <>
      <Select label={strings.language} value={language} options={[["auto", strings.languageAuto], ...LANGUAGES]} onChange={(event) => { setLanguage(LANGUAGES.find(([code]) => code === event.target.value)?.[0] ?? "auto"); }} />
      <Select
        label={strings.theme}
        value={theme}
        options={THEMES.map((name) => [name, strings.themes[name]] as const)}
        onChange={(event) => { setTheme(THEMES.find((name) => name === event.target.value) ?? "system"); }}
      />
      <Switch label={strings.enter} note={strings.enterNote} checked={enterSends} onChange={setEnterSends} />
      <Switch label={strings.motion} note={strings.motionNote} checked={reduceMotion} onChange={setReduceMotion} />
      <p className="field-note">{strings.kept[keeper]}</p>
      {hasExamples && (
        <p className="field-note">
          <a href="./examples/">{strings.examples}</a>
        </p>
      )}
    </>
  );
}
