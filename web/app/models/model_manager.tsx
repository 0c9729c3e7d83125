import { useSelector } from "@browserllm/react";
import { Fragment, type JSX, useMemo, useState } from "react";
import { DeviceProblem } from "../device_problem.tsx";
import { formatCount } from "../format.ts";
import { useLanguageCode, useStrings } from "../strings/index.ts";
import { Button, IconButton, Progress } from "../ui/index.ts";
import { AddIcon, RefreshIcon } from "../ui/icons.tsx";
import { useAction } from "../use_action.ts";
import { AddModel } from "./add_model.tsx";
import { groupsOf } from "./families.ts";
import { type Filters, listed, NO_FILTERS } from "./filters.ts";
import { ModelRow } from "./model_row.tsx";
import { StorageMeter } from "./storage_meter.tsx";
import { TierCards, useTiers } from "./tier_cards.tsx";
import { Toolbar } from "./toolbar.tsx";
import "./models.css";

interface ModelManagerProps {
  /** The id of a model to show. */
  readonly model?: string | null;
}

/** The models of the catalog and of this device: download, load, delete, and the storage that they take. */
export function ModelManager({ model: named = null }: ModelManagerProps): JSX.Element {
  const strings = useStrings().models;
  const language = useLanguageCode();
  const byId = useSelector((state) => state.models);
  const device = useSelector((state) => state.device);
  const act = useAction();
  const [filters, setFilters] = useState<Filters>(NO_FILTERS);
  const [adding, setAdding] = useState(false);
  const tiers = useTiers();
  const models = useMemo(() => Object.values(byId), [byId]);
  const shown = useMemo(() => listed(models, filters), [models, filters]);
  const groups = useMemo(() => groupsOf(shown, filters.sort), [shown, filters.sort]);
  return (
    <div className="models">
      <header className="section-head">
        <div>
          <h1 className="page-title">{strings.title}</h1>
          <p className="quiet">{strings.intro}</p>
        </div>
        <div className="section-buttons">
          <IconButton icon={RefreshIcon} label={strings.refresh} onClick={() => void act("models.refresh")} />
          <Button icon={AddIcon} onClick={() => { setAdding(true); }}>
            {strings.add}
          </Button>
        </div>
      </header>
      <DeviceProblem />
      {device?.online === false && <p className="storage-warning" role="status">{strings.offline}</p>}
      {device !== null && device.online && (device.metered === true || device.saveData === true) && <p className="storage-warning">{strings.metered}</p>}
      {/* Also while the list is searched: what is above the field one types in must not go away. */}
      {tiers.length > 0 && (
        <section className="stack" aria-labelledby="models-recommended">
          <h2 id="models-recommended" className="section-title">
            {strings.recommended}
          </h2>
          <TierCards models={tiers} />
        </section>
      )}
      <StorageMeter />
      <section aria-labelledby="models-all" className="stack">
        <h2 id="models-all" className="section-title">{strings.all}</h2>
        <Toolbar models={models} filters={filters} onChange={setFilters} />
        <p className="small quiet" role="status">{strings.shown(formatCount(shown.length, language), formatCount(models.length, language))}</p>
        {shown.length > 0 ? (
          groups.map(({ kind, name, models: some }) => {
            const title = { here: strings.downloaded, family: name, others: strings.otherFamilies, all: null }[kind];
            return (
              <Fragment key={`${kind} ${name}`}>
                {title !== null && (
                  <h3 className="family-name" dir="auto">
                    {title} <span className="quiet small">{formatCount(some.length, language)}</span>
                  </h3>
                )}
                <ul className="model-list" {...(title !== null && { "aria-label": title })}>
                  {some.map((model) => (
                    <ModelRow key={model.id} model={model} named={model.id === named} />
                  ))}
                </ul>
              </Fragment>
            );
          })
        ) : models.length > 0 ? (
          <div className="empty">
            <p>
              <strong>{strings.noneFound}</strong> {strings.noneFoundText}
            </p>
            <Button small onClick={() => { setFilters(NO_FILTERS); }}>
              {strings.clearFilters}
            </Button>
          </div>
        ) : null}
        {models.length < 2 && (
          <div className="empty" role="status">
            <p>{strings.loadingList}</p>
            <Progress value={null} label={strings.loadingList} />
          </div>
        )}
      </section>
      {adding && <AddModel onClose={() => { setAdding(false); }} />}
    </div>
  );
}
