"""The tables of alerts made in one step; a database that has the steps it replaces keeps them."""

import alerts.models.alert
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from labs.migrations._new_tables import NewTables


def no_overlap(apps, schema_editor):
    """Two shifts of one role, layer and seat never overlap. SQLite knows no such constraint: there the lock does."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
        schema_editor.execute(
            "ALTER TABLE alerts_rotashift ADD CONSTRAINT no_two_rota_shifts_on_one_seat EXCLUDE USING gist "
            "(role WITH =, layer WITH =, seat WITH =, tstzrange(starts_at, ends_at) WITH &&)"
        )


def allow_overlap(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE alerts_rotashift DROP CONSTRAINT no_two_rota_shifts_on_one_seat")


class Migration(migrations.Migration):

    replaces = [('alerts', '0001_alerts_triage_outbox'), ('alerts', '0002_system_fault'), ('alerts', '0003_result_changed'), ('alerts', '0004_silence'), ('alerts', '0005_upload_ageing'), ('alerts', '0006_treatment_alerts'), ('alerts', '0007_severity_critical_values'), ('alerts', '0008_selfwatch'), ('alerts', '0009_delivery_storm_channels'), ('alerts', '0010_rota'), ('alerts', '0011_acts_by_hand'), ('alerts', '0012_follow_up_overdue'), ('alerts', '0013_every_kind'), ('alerts', '0014_call_back_overdue')]

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('courses', '0001_squashed_0012_cohort_exports'),
        ('labs', '0001_squashed_0013_contact_details'),
    ]

    operations = [
        NewTables([
            migrations.CreateModel(
                name='DeliveryAttempt',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('n', models.PositiveIntegerField()),
                    ('started_at', models.DateTimeField()),
                    ('finished_at', models.DateTimeField(blank=True, null=True)),
                    ('outcome', models.CharField(blank=True, choices=[('accepted', 'Accepted'), ('temporary', 'Refused for now'), ('permanent', 'Refused for good'), ('unknown', 'Unknown'), ('withdrawn', 'Not sent, somebody had acknowledged')], default='', max_length=10)),
                    ('smtp_code', models.PositiveSmallIntegerField(blank=True, null=True)),
                    ('error_class', models.CharField(blank=True, default='', max_length=80)),
                    ('notification', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='attempts', to='alerts.notification')),
                ],
                options={
                    'ordering': ['id'],
                    'indexes': [models.Index(fields=['started_at'], name='attempt_by_start')],
                    'constraints': [models.UniqueConstraint(fields=('notification', 'n'), name='attempt_numbered_once'), models.CheckConstraint(condition=models.Q(('n__gte', 1)), name='attempt_number_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('finished_at__isnull', True), ('outcome', '')), models.Q(('finished_at__isnull', False), ('outcome__in', ['accepted', 'temporary', 'permanent', 'unknown', 'withdrawn'])), _connector='OR'), name='attempt_finished_with_an_outcome')],
                },
            ),
            migrations.CreateModel(
                name='Rota',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(max_length=24, unique=True)),
                    ('is_kept', models.BooleanField(default=False)),
                    ('version', models.PositiveIntegerField(default=0)),
                    ('filled_until', models.DateTimeField(blank=True, null=True)),
                    ('filled_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'permissions': [('manage_rota', 'Can change the rota'), ('swap_duty', 'Can offer and take over duties, and keep an own calendar address')],
                },
            ),
            migrations.CreateModel(
                name='Alert',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.CharField(default=alerts.models.alert.new_public_id, editable=False, max_length=32, unique=True)),
                    ('ref', models.CharField(default=alerts.models.alert.new_ref, editable=False, max_length=7, unique=True, verbose_name='reference')),
                    ('kind', models.CharField(choices=[('stop', 'stop'), ('delay', 'delay'), ('hold', 'hold'), ('reduce', 'reduce'), ('labs-overdue', 'labs-overdue'), ('system-fault', 'system-fault'), ('lab-quarantine', 'lab-quarantine'), ('result-changed', 'result-changed'), ('nobody-on-call', 'nobody-on-call'), ('address-refused', 'address-refused'), ('feed-silent', 'feed-silent'), ('unmapped-code', 'unmapped-code'), ('unit-drift', 'unit-drift'), ('panel-incomplete', 'panel-incomplete'), ('quarantine-ageing', 'quarantine-ageing'), ('upload-ageing', 'upload-ageing'), ('recall-unanswered', 'recall-unanswered'), ('deviation', 'deviation'), ('incident-due', 'incident-due'), ('follow-up-overdue', 'follow-up-overdue'), ('call-back-overdue', 'call-back-overdue'), ('canary', 'canary'), ('canary-broken', 'canary-broken'), ('critical-value', 'critical-value'), ('limit-near', 'limit-near'), ('rota-gap', 'rota-gap'), ('invariant-broken', 'invariant-broken'), ('runner-stuck', 'runner-stuck'), ('mail-loop', 'mail-loop'), ('feed-anomaly', 'feed-anomaly'), ('hand-over', 'hand-over')], max_length=24)),
                    ('condition_key', models.CharField(max_length=200)),
                    ('severity', models.PositiveSmallIntegerField()),
                    ('state', models.CharField(choices=[('open', 'open'), ('acked', 'acked'), ('cleared_unacked', 'cleared_unacked'), ('closed', 'closed')], max_length=16)),
                    ('technical', models.BooleanField()),
                    ('policy_version', models.CharField(max_length=40)),
                    ('plan', models.JSONField()),
                    ('step', models.PositiveSmallIntegerField(default=0)),
                    ('loop', models.PositiveIntegerField(default=1)),
                    ('next_step_at', models.DateTimeField(blank=True, null=True)),
                    ('raised_at', models.DateTimeField()),
                    ('acked_at', models.DateTimeField(blank=True, null=True)),
                    ('ack_due_at', models.DateTimeField(blank=True, null=True)),
                    ('closed_at', models.DateTimeField(blank=True, null=True)),
                    ('about', models.JSONField(blank=True, default=dict)),
                    ('acked_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('course', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='courses.course')),
                    ('cycle', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='courses.cycle')),
                    ('decision', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='courses.decision')),
                    ('message', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='labs.labmessage')),
                    ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['severity', '-raised_at', '-id'],
                    'permissions': [('acknowledge_alert', 'Can acknowledge alerts'), ('acknowledge_technical_alert', 'Can acknowledge technical alerts'), ('acknowledge_recall_alert', 'Can acknowledge alerts of recalls'), ('acknowledge_dose_alert', 'Can acknowledge alerts of deviations and incidents')],
                    'indexes': [models.Index(condition=models.Q(('next_step_at__isnull', False)), fields=['next_step_at'], name='alert_step_due'), models.Index(fields=['state', 'severity', '-raised_at'], name='alert_by_state')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('state', 'closed'), _negated=True), fields=('condition_key',), name='one_standing_alert_per_condition'), models.CheckConstraint(condition=models.Q(('condition_key', ''), _negated=True), name='alert_condition_given'), models.CheckConstraint(condition=models.Q(('kind__in', ['stop', 'delay', 'hold', 'reduce', 'labs-overdue', 'system-fault', 'lab-quarantine', 'result-changed', 'nobody-on-call', 'address-refused', 'feed-silent', 'unmapped-code', 'unit-drift', 'panel-incomplete', 'quarantine-ageing', 'upload-ageing', 'recall-unanswered', 'deviation', 'incident-due', 'follow-up-overdue', 'call-back-overdue', 'canary', 'canary-broken', 'critical-value', 'limit-near', 'rota-gap', 'invariant-broken', 'runner-stuck', 'mail-loop', 'feed-anomaly', 'hand-over'])), name='alert_kind_known'), models.CheckConstraint(condition=models.Q(('state__in', ['open', 'acked', 'cleared_unacked', 'closed'])), name='alert_state_known'), models.CheckConstraint(condition=models.Q(('severity__in', [1, 2, 3])), name='alert_severity_known'), models.CheckConstraint(condition=models.Q(('loop__gte', 1)), name='alert_loop_from_one'), models.CheckConstraint(condition=models.Q(models.Q(('ack_due_at__isnull', True), ('acked_at__isnull', True), ('acked_by__isnull', True), ('closed_at__isnull', True), ('next_step_at__isnull', False), ('state__in', ['open', 'cleared_unacked'])), models.Q(('ack_due_at__isnull', False), ('acked_at__isnull', False), ('acked_by__isnull', False), ('closed_at__isnull', True), ('next_step_at__isnull', True), ('state', 'acked')), models.Q(('closed_at__isnull', False), ('next_step_at__isnull', True), ('state', 'closed')), _connector='OR'), name='alert_state_matches_its_times')],
                },
            ),
            migrations.CreateModel(
                name='Acknowledgement',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('loop', models.PositiveIntegerField()),
                    ('seen_severity', models.PositiveSmallIntegerField()),
                    ('note', models.TextField(blank=True, default='')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acknowledgements', to=settings.AUTH_USER_MODEL)),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='acknowledgements', to='alerts.alert')),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'loop'), name='one_acknowledgement_per_round'), models.CheckConstraint(condition=models.Q(('seen_severity__in', [1, 2, 3])), name='acknowledged_severity_known')],
                },
            ),
            migrations.CreateModel(
                name='AlertEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('kind', models.CharField(choices=[('raised', 'Raised'), ('seen-again', 'Seen again'), ('worsened', 'Became more severe'), ('reopened', 'Opened again'), ('cleared', 'The cause is gone, still to be acknowledged'), ('returned', 'The cause is back'), ('closed', 'Closed'), ('step', 'People told'), ('empty-step', 'Nobody there to tell'), ('accepted', 'Mail handed to the mail server'), ('refused', 'Mail refused for good'), ('bounced', 'Mail came back'), ('viewed', 'Viewed'), ('acknowledged', 'Acknowledged'), ('rearmed', 'Not decided in time, opened again'), ('read-back', 'Passed on'), ('not-reached', 'Nobody reached'), ('handed-over', 'Handed over'), ('escalated', 'Escalated by hand'), ('suppressed', 'Silenced for a time'), ('called', 'Somebody was called')], max_length=16)),
                    ('at', models.DateTimeField()),
                    ('detail', models.JSONField(default=dict)),
                    ('actor', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='events', to='alerts.alert')),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['raised', 'seen-again', 'worsened', 'reopened', 'cleared', 'returned', 'closed', 'step', 'empty-step', 'accepted', 'refused', 'bounced', 'viewed', 'acknowledged', 'rearmed', 'read-back', 'not-reached', 'handed-over', 'escalated', 'suppressed', 'called'])), name='alert_event_kind_known')],
                },
            ),
            migrations.CreateModel(
                name='CalendarAddress',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('secret_sha256', models.CharField(max_length=64, unique=True)),
                    ('made_at', models.DateTimeField()),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='calendar_addresses', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name_plural': 'calendar addresses',
                    'ordering': ['-pk'],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('person',), name='one_calendar_address_per_person')],
                },
            ),
            migrations.CreateModel(
                name='CanaryRun',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('mailbox', models.BooleanField()),
                    ('started_at', models.DateTimeField()),
                    ('sent_at', models.DateTimeField(blank=True, null=True)),
                    ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                    ('read_at', models.DateTimeField(blank=True, null=True)),
                    ('assessed_at', models.DateTimeField(blank=True, null=True)),
                    ('triaged_at', models.DateTimeField(blank=True, null=True)),
                    ('queued_at', models.DateTimeField(blank=True, null=True)),
                    ('mailed_at', models.DateTimeField(blank=True, null=True)),
                    ('answered_at', models.DateTimeField(blank=True, null=True)),
                    ('answer_tried_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('outcome', models.CharField(choices=[('running', 'Under way'), ('passed', 'Reached its end'), ('broken', 'Did not reach its end')], default='running', max_length=8)),
                    ('broken_stage', models.CharField(blank=True, choices=[('sent', 'sent'), ('acknowledged', 'acknowledged'), ('read', 'read'), ('assessed', 'assessed'), ('triaged', 'triaged'), ('queued', 'queued'), ('mailed', 'mailed'), ('answered', 'answered')], default='', max_length=12)),
                    ('reason', models.TextField(blank=True, default='')),
                    ('course', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='canary_run', to='courses.course')),
                    ('patient', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='canary_run', to='labs.patient')),
                ],
                options={
                    'ordering': ['-id'],
                    'permissions': [('acknowledge_canary_alert', 'Can acknowledge the alerts of trials of the line')],
                    'indexes': [models.Index(fields=['outcome', '-started_at'], name='canary_by_outcome')],
                    'constraints': [models.UniqueConstraint(condition=models.Q(('outcome', 'running')), fields=('outcome',), name='one_canary_under_way'), models.CheckConstraint(condition=models.Q(models.Q(('broken_stage', ''), ('ended_at__isnull', True), ('outcome', 'running')), models.Q(('broken_stage', ''), ('ended_at__isnull', False), ('outcome', 'passed')), models.Q(('ended_at__isnull', False), ('outcome', 'broken'), models.Q(('broken_stage', ''), _negated=True)), _connector='OR'), name='canary_outcome_whole')],
                },
            ),
            migrations.CreateModel(
                name='Closing',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('outcome', models.CharField(choices=[('delay', 'delay'), ('reduce', 'reduce'), ('stop', 'stop'), ('continue', 'continue'), ('false-alarm', 'false-alarm'), ('handled', 'handled')], max_length=12)),
                    ('seen_severity', models.PositiveSmallIntegerField()),
                    ('reason', models.TextField()),
                    ('alert', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='closing', to='alerts.alert')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('decision', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='courses.decision')),
                ],
                options={
                    'ordering': ['pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['delay', 'reduce', 'stop', 'continue', 'false-alarm', 'handled'])), name='closing_outcome_known'), models.CheckConstraint(condition=models.Q(('outcome__in', ['false-alarm', 'handled']), ('decision__isnull', False), _connector='OR'), name='closing_names_its_decision'), models.CheckConstraint(condition=models.Q(('seen_severity__in', [1, 2, 3])), name='closing_severity_known'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='closing_says_why')],
                },
            ),
            migrations.CreateModel(
                name='CriticalFinding',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('side', models.CharField(blank=True, default='', max_length=4)),
                    ('level', models.PositiveSmallIntegerField()),
                    ('doubtful', models.BooleanField()),
                    ('table_version', models.CharField(max_length=40)),
                    ('found_at', models.DateTimeField()),
                    ('alert', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_findings', to='alerts.alert')),
                    ('held', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_finding', to='labs.quarantinedresult')),
                    ('observation', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='critical_finding', to='labs.observation')),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('held__isnull', True), ('observation__isnull', False)), models.Q(('held__isnull', False), ('observation__isnull', True)), _connector='OR'), name='critical_finding_of_exactly_one_value'), models.CheckConstraint(condition=models.Q(models.Q(('alert__isnull', False), ('level__gte', 1), ('side__in', ['low', 'high'])), models.Q(('alert__isnull', True), ('held__isnull', False), ('level', 0), ('side', '')), _connector='OR'), name='critical_finding_is_whole'), models.CheckConstraint(condition=models.Q(('table_version', ''), _negated=True), name='critical_table_named')],
                },
            ),
            migrations.CreateModel(
                name='DeliveryReport',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('sha256', models.CharField(max_length=64, unique=True)),
                    ('kind', models.CharField(choices=[('bounced', 'Came back: it could not be delivered'), ('delayed', 'Not delivered yet, the mail server goes on trying'), ('delivered', 'Delivered into the mailbox'), ('passed-on', 'Passed on to a server that reports no further'), ('auto-reply', 'An automatic answer, such as out of office'), ('other', 'Something else; nothing was done with it')], max_length=12)),
                    ('status', models.CharField(blank=True, default='', max_length=12)),
                    ('received_at', models.DateTimeField()),
                    ('attempt', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reports', to='alerts.deliveryattempt')),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('sha256', ''), _negated=True), name='report_of_a_mail'), models.CheckConstraint(condition=models.Q(('kind__in', ['bounced', 'delayed', 'delivered', 'passed-on', 'auto-reply', 'other'])), name='report_kind_known')],
                },
            ),
            migrations.CreateModel(
                name='HandOver',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('take_by', models.DateTimeField()),
                    ('loop', models.PositiveIntegerField()),
                    ('seen_event', models.PositiveBigIntegerField()),
                    ('note', models.TextField(blank=True, default='')),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='hand_overs', to='alerts.alert')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('to', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['pk'],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'loop'), name='one_hand_over_per_round'), models.CheckConstraint(condition=models.Q(('by', models.F('to')), _negated=True), name='hand_over_to_somebody_else'), models.CheckConstraint(condition=models.Q(('take_by__gt', models.F('at'))), name='hand_over_leaves_time')],
                },
            ),
            migrations.CreateModel(
                name='Heartbeat',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40, unique=True)),
                    ('at', models.DateTimeField()),
                ],
                options={
                    'ordering': ['name'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='heartbeat_named')],
                },
            ),
            migrations.CreateModel(
                name='Line',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('name', models.CharField(max_length=40, unique=True)),
                    ('failures', models.PositiveIntegerField(default=0)),
                    ('failing_since', models.DateTimeField(blank=True, null=True)),
                    ('next_probe_at', models.DateTimeField(blank=True, null=True)),
                ],
                options={
                    'ordering': ['name'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='line_named'), models.CheckConstraint(condition=models.Q(models.Q(('failing_since__isnull', True), ('failures', 0), ('next_probe_at__isnull', True)), models.Q(('failing_since__isnull', False), ('failures__gt', 0), ('next_probe_at__isnull', False)), _connector='OR'), name='line_failures_have_their_times')],
                },
            ),
            migrations.CreateModel(
                name='LocalHoliday',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('day', models.DateField(unique=True)),
                    ('name', models.CharField(max_length=60)),
                    ('is_kept', models.BooleanField(default=True)),
                ],
                options={
                    'ordering': ['day'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='local_holiday_named')],
                },
            ),
            migrations.CreateModel(
                name='Notification',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('loop', models.PositiveIntegerField()),
                    ('step', models.PositiveSmallIntegerField()),
                    ('channel', models.CharField(choices=[('mail', 'E-mail'), ('push', 'Push')], default='mail', max_length=4)),
                    ('endpoint', models.CharField(max_length=254)),
                    ('priority', models.PositiveSmallIntegerField(default=0)),
                    ('state', models.CharField(choices=[('pending', 'Waiting to be sent'), ('leased', 'Being sent'), ('accepted', 'Accepted by the mail server'), ('failed_permanent', 'Refused for good'), ('superseded', 'No longer needed'), ('bundled', 'Told together with others in one letter')], default='pending', max_length=16)),
                    ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                    ('lease_token', models.UUIDField(blank=True, null=True)),
                    ('lease_until', models.DateTimeField(blank=True, null=True)),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('message_id', models.CharField(max_length=200, unique=True)),
                    ('message_date', models.DateTimeField()),
                    ('escalates_at', models.DateTimeField()),
                    ('bundle', models.JSONField(blank=True, null=True)),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='alerts.alert')),
                    ('bundled_into', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='members', to='alerts.notification')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to=settings.AUTH_USER_MODEL)),
                    ('push_address', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='notifications', to='alerts.pushaddress')),
                ],
                options={
                    'ordering': ['id'],
                    'indexes': [models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['priority', 'next_attempt_at'], name='notification_due'), models.Index(condition=models.Q(('ended_at__isnull', True), ('state', 'bundled')), fields=['bundled_into'], name='notification_bundle_open')],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'loop', 'step', 'person', 'endpoint'), name='one_mail_per_step_and_person'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('lease_token__isnull', True), ('lease_until__isnull', True), ('next_attempt_at__isnull', False), ('state', 'pending')), models.Q(('ended_at__isnull', True), ('lease_token__isnull', False), ('lease_until__isnull', False), ('next_attempt_at__isnull', False), ('state', 'leased')), models.Q(('ended_at__isnull', False), ('lease_token__isnull', True), ('lease_until__isnull', True), ('next_attempt_at__isnull', True), ('state__in', ['accepted', 'failed_permanent', 'superseded'])), models.Q(('lease_token__isnull', True), ('lease_until__isnull', True), ('next_attempt_at__isnull', True), ('state', 'bundled')), _connector='OR'), name='notification_state_matches_its_times'), models.CheckConstraint(condition=models.Q(models.Q(('bundled_into__isnull', False), ('state', 'bundled')), models.Q(models.Q(('state', 'bundled'), _negated=True), ('bundled_into__isnull', True)), _connector='OR'), name='notification_bundled_into_a_letter'), models.CheckConstraint(condition=models.Q(models.Q(('channel', 'mail'), ('push_address__isnull', True)), models.Q(('channel', 'push'), ('push_address__isnull', False)), _connector='OR'), name='notification_channel_has_its_address'), models.CheckConstraint(condition=models.Q(models.Q(('endpoint', ''), _negated=True), models.Q(('message_id', ''), _negated=True)), name='notification_addressed')],
                },
            ),
            migrations.CreateModel(
                name='PushAddress',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('service', models.CharField(max_length=40)),
                    ('encrypted_url', models.TextField()),
                    ('made_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='push_addresses', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'verbose_name_plural': 'push addresses',
                    'ordering': ['-id'],
                    'permissions': [('manage_addresses', 'Can change where people are told')],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('service', ''), _negated=True), models.Q(('encrypted_url', ''), _negated=True)), name='push_address_is_whole'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_by__isnull', True)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='push_address_ended_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='ReachRecord',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('key', models.UUIDField(editable=False, unique=True)),
                    ('whom', models.CharField(choices=[('patient', 'the patient'), ('next-of-kin', 'the next of kin'), ('referring-doctor', 'the referring doctor'), ('pharmacy', 'the pharmacy'), ('ward', 'the ward'), ('colleague', 'a colleague'), ('laboratory', 'the laboratory'), ('other', 'somebody else')], max_length=16)),
                    ('outcome', models.CharField(choices=[('read-back', 'reached, and read it back'), ('reached', 'reached'), ('not-reached', 'not reached')], max_length=12)),
                    ('at', models.DateTimeField()),
                    ('note', models.TextField(blank=True, default='')),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reach_records', to='alerts.alert')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('whom__in', ['patient', 'next-of-kin', 'referring-doctor', 'pharmacy', 'ward', 'colleague', 'laboratory', 'other'])), name='reach_whom_known'), models.CheckConstraint(condition=models.Q(('outcome__in', ['read-back', 'reached', 'not-reached'])), name='reach_outcome_known'), models.CheckConstraint(condition=models.Q(models.Q(('whom', 'other'), _negated=True), models.Q(('note', ''), _negated=True), _connector='OR'), name='reach_of_other_says_who')],
                },
            ),
            migrations.CreateModel(
                name='ReadBack',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('loop', models.PositiveIntegerField()),
                    ('outcome', models.CharField(choices=[('read-back', 'Reached, and read back'), ('reached', 'Reached'), ('not-reached', 'Not reached')], max_length=12)),
                    ('reached', models.CharField(blank=True, default='', max_length=200, verbose_name='who was called')),
                    ('note', models.TextField(blank=True, default='')),
                    ('at', models.DateTimeField()),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='read_backs', to='alerts.alert')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['id'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('outcome__in', ['read-back', 'reached', 'not-reached'])), name='read_back_outcome_known'), models.CheckConstraint(condition=models.Q(('outcome', 'not-reached'), models.Q(('reached', ''), _negated=True), _connector='OR'), name='read_back_says_who_was_reached')],
                },
            ),
            migrations.CreateModel(
                name='RotaAbsence',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('first_day', models.DateField()),
                    ('last_day', models.DateField()),
                    ('said_at', models.DateTimeField()),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='absences', to=settings.AUTH_USER_MODEL)),
                    ('said_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['first_day', 'pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('last_day__gte', models.F('first_day'))), name='absence_days_in_order')],
                },
            ),
            migrations.CreateModel(
                name='RotaEvent',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('kind', models.CharField(choices=[('rule-added', 'Rule added'), ('rule-changed', 'Rule changed'), ('rule-ended', 'Rule ended'), ('override-placed', 'Somebody else put on call'), ('override-withdrawn', 'Change withdrawn'), ('swap-proposed', 'Duty offered'), ('swap-accepted', 'Duty taken over'), ('swap-declined', 'Offer declined'), ('swap-withdrawn', 'Offer withdrawn'), ('away', 'Away'), ('back', 'Not away after all'), ('holiday-set', 'Holiday set'), ('holiday-removed', 'Own holiday removed'), ('import-read', 'Calendar handed in'), ('import-taken', 'Calendar taken over'), ('address-made', 'Calendar address made'), ('address-withdrawn', 'Calendar address withdrawn')], max_length=20)),
                    ('at', models.DateTimeField()),
                    ('words', models.TextField()),
                    ('detail', models.JSONField(default=dict)),
                    ('actor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rota_events', to=settings.AUTH_USER_MODEL)),
                    ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['rule-added', 'rule-changed', 'rule-ended', 'override-placed', 'override-withdrawn', 'swap-proposed', 'swap-accepted', 'swap-declined', 'swap-withdrawn', 'away', 'back', 'holiday-set', 'holiday-removed', 'import-read', 'import-taken', 'address-made', 'address-withdrawn'])), name='rota_event_kind_known'), models.CheckConstraint(condition=models.Q(('words', ''), _negated=True), name='rota_event_says_what')],
                },
            ),
            migrations.CreateModel(
                name='RotaImport',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('file_name', models.CharField(max_length=120)),
                    ('sha256', models.CharField(max_length=64)),
                    ('duties', models.JSONField()),
                    ('begin', models.DateTimeField()),
                    ('end', models.DateTimeField()),
                    ('read_at', models.DateTimeField()),
                    ('taken_at', models.DateTimeField(blank=True, null=True)),
                    ('read_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('taken_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('taken_at__isnull', True), ('taken_by__isnull', True)), models.Q(('taken_at__isnull', False), ('taken_by__isnull', False)), _connector='OR'), name='rota_import_taken_by_somebody'), models.CheckConstraint(condition=models.Q(('end__gt', models.F('begin'))), name='rota_import_has_a_span')],
                },
            ),
            migrations.CreateModel(
                name='RotaOverride',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('reason', models.CharField(max_length=200)),
                    ('placed_at', models.DateTimeField()),
                    ('withdrawn_at', models.DateTimeField(blank=True, null=True)),
                    ('imported', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='overrides', to='alerts.rotaimport')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rota_overrides', to=settings.AUTH_USER_MODEL)),
                    ('placed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('withdrawn_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('swap', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='overrides', to='alerts.rotaswap')),
                ],
                options={
                    'ordering': ['starts_at', 'pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='rota_override_has_a_length'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='rota_override_reason_given'), models.CheckConstraint(condition=models.Q(models.Q(('withdrawn_at__isnull', True), ('withdrawn_by__isnull', True)), models.Q(('withdrawn_at__isnull', False), ('withdrawn_by__isnull', False)), _connector='OR'), name='rota_override_withdrawn_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='RotaRule',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('name', models.CharField(max_length=60)),
                    ('weekdays', models.JSONField(default=list)),
                    ('holidays', models.CharField(choices=[('same', 'same'), ('also', 'also'), ('never', 'never')], max_length=5)),
                    ('starts', models.TimeField()),
                    ('ends', models.TimeField()),
                    ('ends_after_days', models.PositiveSmallIntegerField()),
                    ('zone', models.CharField(max_length=64)),
                    ('turn', models.CharField(choices=[('one', 'one'), ('day', 'day'), ('week', 'week')], max_length=4)),
                    ('first_day', models.DateField()),
                    ('last_day', models.DateField(blank=True, null=True)),
                    ('made_at', models.DateTimeField()),
                    ('ended_at', models.DateTimeField(blank=True, null=True)),
                    ('ended_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('made_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('replaces', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaced_by', to='alerts.rotarule')),
                ],
                options={
                    'ordering': ['name', 'pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('name', ''), _negated=True), name='rota_rule_named'), models.CheckConstraint(condition=models.Q(('holidays__in', ['same', 'also', 'never'])), name='rota_rule_holidays_known'), models.CheckConstraint(condition=models.Q(('turn__in', ['one', 'day', 'week'])), name='rota_rule_turn_known'), models.CheckConstraint(condition=models.Q(('ends_after_days__range', (1, 7)), models.Q(('ends__gt', models.F('starts')), ('ends_after_days', 0)), _connector='OR'), name='rota_rule_ends_after_it_starts'), models.CheckConstraint(condition=models.Q(('last_day__isnull', True), ('last_day__gte', models.F('first_day')), _connector='OR'), name='rota_rule_days_in_order'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ended_by__isnull', True)), models.Q(('ended_at__isnull', False), ('ended_by__isnull', False)), _connector='OR'), name='rota_rule_ended_by_somebody')],
                },
            ),
            migrations.CreateModel(
                name='RotaShift',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('layer', models.CharField(choices=[('base', 'base'), ('override', 'override')], max_length=8)),
                    ('seat', models.PositiveSmallIntegerField(default=0)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('override', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shifts', to='alerts.rotaoverride')),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rota_shifts', to=settings.AUTH_USER_MODEL)),
                    ('rule', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='shifts', to='alerts.rotarule')),
                ],
                options={
                    'ordering': ['starts_at', 'pk'],
                    'indexes': [models.Index(fields=['role', 'ends_at', 'starts_at'], name='rota_shift_by_time')],
                    'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='rota_shift_has_a_length'), models.CheckConstraint(condition=models.Q(models.Q(('layer', 'base'), ('override__isnull', True), ('rule__isnull', False)), models.Q(('layer', 'override'), ('override__isnull', False), ('rule__isnull', True)), _connector='OR'), name='rota_shift_follows_from_one_thing'), models.UniqueConstraint(fields=('role', 'layer', 'seat', 'starts_at'), name='one_rota_shift_begins_per_seat')],
                },
            ),
            migrations.CreateModel(
                name='RotaSwap',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('public_id', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                    ('role', models.CharField(default='on-call', max_length=24)),
                    ('starts_at', models.DateTimeField()),
                    ('ends_at', models.DateTimeField()),
                    ('back_starts_at', models.DateTimeField(blank=True, null=True)),
                    ('back_ends_at', models.DateTimeField(blank=True, null=True)),
                    ('state', models.CharField(choices=[('proposed', 'Waits for an answer'), ('accepted', 'Taken over'), ('declined', 'Declined'), ('withdrawn', 'Withdrawn')], default='proposed', max_length=9)),
                    ('proposed_at', models.DateTimeField()),
                    ('answered_at', models.DateTimeField(blank=True, null=True)),
                    ('other', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='duties_offered_to', to=settings.AUTH_USER_MODEL)),
                    ('proposer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='duties_offered', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['-pk'],
                    'constraints': [models.CheckConstraint(condition=models.Q(('proposer', models.F('other')), _negated=True), name='rota_swap_of_two_people'), models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('starts_at'))), name='rota_swap_has_a_length'), models.CheckConstraint(condition=models.Q(models.Q(('back_ends_at__isnull', True), ('back_starts_at__isnull', True)), models.Q(('back_ends_at__gt', models.F('back_starts_at')), ('back_ends_at__isnull', False), ('back_starts_at__isnull', False)), _connector='OR'), name='rota_swap_back_has_a_length'), models.CheckConstraint(condition=models.Q(models.Q(('answered_at__isnull', True), ('state', 'proposed')), models.Q(('answered_at__isnull', False), ('state__in', ['accepted', 'declined', 'withdrawn'])), _connector='OR'), name='rota_swap_answered_once')],
                },
            ),
            migrations.CreateModel(
                name='RotaTurn',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('position', models.PositiveSmallIntegerField()),
                    ('person', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ('rule', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='turns', to='alerts.rotarule')),
                ],
                options={
                    'ordering': ['rule', 'position'],
                    'constraints': [models.UniqueConstraint(fields=('rule', 'position'), name='one_person_per_turn')],
                },
            ),
            migrations.CreateModel(
                name='Suppression',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('at', models.DateTimeField()),
                    ('minutes', models.PositiveSmallIntegerField()),
                    ('until', models.DateTimeField()),
                    ('severity', models.PositiveSmallIntegerField()),
                    ('loop', models.PositiveIntegerField()),
                    ('seen_event', models.PositiveBigIntegerField()),
                    ('reason', models.TextField()),
                    ('alert', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='suppressions', to='alerts.alert')),
                    ('by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ],
                options={
                    'ordering': ['pk'],
                    'permissions': [('suppress_alert', 'Can silence an alert for a short time'), ('suppress_technical_alert', 'Can silence a technical alert for a short time')],
                    'indexes': [models.Index(fields=['until'], name='suppression_by_end')],
                    'constraints': [models.UniqueConstraint(fields=('alert', 'loop'), name='one_suppression_per_round'), models.CheckConstraint(condition=models.Q(('minutes__gte', 1), ('minutes__lte', 240)), name='suppression_is_short'), models.CheckConstraint(condition=models.Q(('until__gt', models.F('at'))), name='suppression_ends'), models.CheckConstraint(condition=models.Q(('severity__in', [2, 3])), name='nothing_critical_is_suppressed'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='suppression_says_why')],
                },
            ),
            migrations.CreateModel(
                name='Triage',
                fields=[
                    ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                    ('outcome', models.CharField(choices=[('alert', 'alert'), ('none', 'none'), ('waiting', 'waiting')], max_length=8)),
                    ('reason', models.TextField()),
                    ('review_at', models.DateTimeField(blank=True, null=True)),
                    ('triaged_at', models.DateTimeField()),
                    ('alert', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='triages', to='alerts.alert')),
                    ('decision', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='triage', to='courses.decision')),
                    ('message_outcome', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='triage', to='labs.messageoutcome')),
                ],
                options={
                    'verbose_name_plural': 'triages',
                    'ordering': ['-id'],
                    'indexes': [models.Index(condition=models.Q(('review_at__isnull', False)), fields=['review_at'], name='triage_review_due')],
                    'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('decision__isnull', False), ('message_outcome__isnull', True)), models.Q(('decision__isnull', True), ('message_outcome__isnull', False)), _connector='OR'), name='triage_of_exactly_one_thing'), models.CheckConstraint(condition=models.Q(models.Q(('alert__isnull', False), ('outcome', 'alert'), ('review_at__isnull', True)), models.Q(('alert__isnull', True), ('outcome', 'none'), ('review_at__isnull', True)), models.Q(('alert__isnull', True), ('outcome', 'waiting'), ('review_at__isnull', False)), _connector='OR'), name='triage_outcome_is_whole'), models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='triage_reason_given')],
                },
            ),
        ]),
        migrations.RunPython(no_overlap, allow_overlap),
    ]
