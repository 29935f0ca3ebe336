"""Which path leads to which view of this app?"""

from django.urls import URLPattern, path

from executors.operating.api import notifications, targets

urlpatterns: list[URLPattern] = [
    path("notification-targets", targets.TargetsView.as_view()),
    path("notification-targets/<uuid:target_id>", targets.TargetView.as_view()),
    path("notification-targets/<uuid:target_id>/test", targets.TestView.as_view()),
    path("notifications", notifications.NotificationsView.as_view()),
    path("notifications/<uuid:notification_id>", notifications.NotificationView.as_view()),
    path("notifications/<uuid:notification_id>/retry", notifications.RetryView.as_view()),
]
