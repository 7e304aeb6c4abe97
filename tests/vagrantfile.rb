# Prints what Vagrant itself reads in the Vagrantfile of a folder, as JSON.
require "json"
require "vagrant"

vm = Vagrant::Environment.new(cwd: ARGV.fetch(0)).vagrantfile.config.vm
forwarded = vm.networks.select { |kind, each| kind == :forwarded_port && each[:id] != "ssh" }
puts JSON.generate(
  box: vm.box,
  ports: forwarded.map { |_, each| each.slice(:guest, :host, :host_ip) },
  folders: vm.synced_folders.values.map { |each| each.slice(:hostpath, :guestpath) },
  scripts: vm.provisioners.map { |each| each.config.path },
)
