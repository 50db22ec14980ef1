{{/* Names and labels that all objects share. */}}

{{- define "modelrollout.name" -}}
{{- if contains "modelrollout" .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-modelrollout" .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "modelrollout.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (ternary (include "modelrollout.name" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{- define "modelrollout.image" -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}

{{/* What a version is served by where its ModelRollout says nothing: the default of spec.serving.image. */}}
{{- define "modelrollout.servingImage" -}}
tensorflow/serving:2.19.1
{{- end -}}

{{- define "modelrollout.selector" -}}
app.kubernetes.io/name: modelrollout
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelrollout.labels" -}}
{{ include "modelrollout.selector" . }}
{{ include "modelrollout.origin" . }}
{{- end -}}

{{/* Of another name, so that nothing that selects the operator's pods takes these for some. */}}
{{- define "modelrollout.rewards.selector" -}}
app.kubernetes.io/name: modelrollout-rewards
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "modelrollout.rewards.labels" -}}
{{ include "modelrollout.rewards.selector" . }}
{{ include "modelrollout.origin" . }}
{{- end -}}

{{- define "modelrollout.origin" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* What the operator may do with the objects of the namespaces that it watches. */}}
{{- define "modelrollout.rules" -}}
- apiGroups: [modelrollout.dev]
  resources: [modelrollouts]
  verbs: [get, list, watch, patch] # patch: a person's command is taken away when it is answered
- apiGroups: [modelrollout.dev]
  resources: [modelrollouts/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [autoscaling] # one for each version, where a rollout asks for it
  resources: [horizontalpodautoscalers]
  verbs: [list, watch, create, patch, delete]
- apiGroups: [networking.istio.io]
  resources: [virtualservices]
  verbs: [get, list, watch, create, patch]
- apiGroups: [networking.istio.io] # whether callers come through them
  resources: [gateways]
  verbs: [list, watch]
- apiGroups: [""] # why a version does not come up: the words of its containers
  resources: [pods]
  verbs: [list, watch]
- apiGroups: [""] # to tell of releases, and why a pod does not start: its volumes, its network, its image
  resources: [events]
  verbs: [create, get, list, update]
{{- if .Values.smokeFromConfigMaps }}
- apiGroups: [""]
  resources: [configmaps]
  verbs: [get]
{{- end }}
{{- end -}}
