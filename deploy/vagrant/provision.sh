#!/bin/sh
# On Debian 12, as root: install Python from Debian and the packages from /vagrant, and start the service.
set -eu
export DEBIAN_FRONTEND=noninteractive

apt-get --quiet update
apt-get --quiet --yes --no-install-recommends install python3-pip python3-venv

python3 -m venv --clear --without-pip /srv/statements
python3 -m pip --python /srv/statements/bin/python install --quiet --no-index --find-links /vagrant/packages \
    --require-hashes --requirement /vagrant/requirements.txt

install --mode 644 /vagrant/statements.service /etc/systemd/system/
systemctl daemon-reload
systemctl enable statements
systemctl restart statements # returns when Gunicorn listens
