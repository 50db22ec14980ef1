{{/* The operator's settings as a map; each becomes a variable MODELROLLOUT_NAME. */}}
{{- define "modelrollout.settings" -}}
{{- with .Values.instance }}
instance: {{ . | quote }}
{{- end }}
namespaces: {{ join "," .Values.namespaces | quote }}
prometheus_url: {{ .Values.prometheus.url | quote }}
prometheus_timeout: {{ .Values.prometheus.timeout | quote }}
{{- with .Values.prometheus.matchers }}
prometheus_matchers: {{ . | quote }}
{{- end }}
{{- with .Values.prometheus.scrapeInterval }}
scrape_interval: {{ . | quote }}
{{- end }}
{{- if .Values.prometheus.tokenSecret.name }}
prometheus_token_file: /var/run/secrets/prometheus/token
{{- end }}
cluster_domain: {{ .Values.clusterDomain | quote }}
gateway_url: {{ .Values.gateway.url | quote }}
{{- with .Values.mesh.proxyUrl }}
mesh_proxy_url: {{ . | quote }}
{{- end }}
{{- if .Values.meshHash.headers }}
mesh_hash_namespace: {{ .Values.meshHash.namespace | quote }}
{{- end }}
fetch_image: {{ include "modelrollout.image" . | quote }}
fetch_image_pull_policy: {{ .Values.image.pullPolicy | quote }}
fetch_max_bytes: {{ .Values.fetch.maxBytes | quote }}
fetch_timeout: {{ .Values.fetch.timeout | quote }}
fetch_memory: {{ .Values.fetch.memory | quote }}
{{- with .Values.hosts }}
hosts: {{ toJson . | quote }}
{{- end }}
{{- with .Values.fileRoot }}
file_root: {{ . | quote }}
{{- end }}
{{- if .Values.leaderElection.enabled }}
lease_namespace: {{ .Release.Namespace | quote }}
lease_name: {{ include "modelrollout.name" . | quote }}
lease_duration: {{ .Values.leaderElection.duration | quote }}
{{- end }}
listen: 0.0.0.0:8080
log_level: {{ .Values.log.level | quote }}
log_format: {{ .Values.log.format | quote }}
{{- end -}}
