// The types of Grafana, as JSON has them: an enumeration is one of its values. A field that Grafana does not know is an
// error, also in what Grafana leaves open: panels here are time series of Prometheus.
import type { Dashboard, DataSourceRef, FieldConfig, FieldConfigSource, Panel } from "@grafana/schema";
import type {
  FieldConfig as Drawing,
  Options,
} from "@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";

type Json<T> = T extends string
  ? `${T}`
  : T extends (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

interface Query {
  refId: string;
  datasource: DataSourceRef;
  expr: string;
  legendFormat: string;
}

type Defaults = Omit<FieldConfig, "custom"> & { custom: Drawing };

type TimeSeries = Omit<Panel, "type" | "targets" | "options" | "fieldConfig"> & {
  type: "timeseries";
  targets: Query[];
  options: Omit<Options, "annotations">;
  fieldConfig: Omit<FieldConfigSource, "defaults"> & { defaults: Defaults };
};

export type Checked = Json<Omit<Dashboard, "panels"> & { panels: TimeSeries[] }>;
